//! Recognises the schedule from the part that has been logged.
//!
//! A prefix is often the beginning of more than one schedule: a straight line goes with any
//! ratio at the end, and the top of a cosine that was printed with three digits with many
//! lengths. So every shape that fits is kept with its probability. How far it may lie from
//! the logged rates is not known, for nobody knows how they were rounded: with the scale of
//! the deviations integrated out its likelihood is `(d^2)^(-n/2)`, for a root mean square
//! deviation d of n rates (Gelman et al., Bayesian Data Analysis, section 3.2). Around its
//! best length and ratio it is taken for a normal distribution (Laplace's approximation).

mod deviation;
mod exact;
mod search;

use super::shape::{Decay, POWER, Schedule, Shape};
use deviation::Deviation;
use search::{Grid, least};

/// Largest root mean square deviation, as a share of the peak, at which a shape
/// counts as recognised. Logs that round the rate stay below it.
const TOLERANCE: f64 = 4e-3;

/// Deviations below this, as a share of the peak, say nothing: schedulers differ by such
/// trifles as when a step begins.
const TRIFLE: f64 = 5e-5;

/// Logged rates count as at most so many: what rounding does to neighbours is alike.
const MOST_INDEPENDENT: usize = 20;

/// Ratios that trainers end at, and how often: a line is mostly drawn to zero.
const USUAL_RATIOS: [(f64, f64); 5] = [(0.0, 0.45), (0.1, 0.35), (0.01, 0.08), (0.05, 0.05), (0.2, 0.02)];
const USUAL_RATIOS_OF_A_LINE: [(f64, f64); 3] = [(0.0, 0.88), (0.01, 0.04), (0.1, 0.03)];
/// How often they end at any other up to the next.
const OTHER_RATIO: f64 = 0.05;
const LARGEST_OTHER_RATIO: f64 = 0.95;

/// How often a rate that seems to have been held at its peak really was.
const STABLE_PRIOR: f64 = 0.2;

/// How often a fall is a polynomial, and how often it is counted from the first step although the
/// rate was warmed up, beside the usual falls.
const POLYNOMIAL_PRIOR: f64 = 0.2;
const OVER_WARM_UP_PRIOR: f64 = 0.2;

/// A fall of which less than this share is left at the end of the warm-up did not begin under it.
const LEAST_SHARE_AT_THE_PEAK: f64 = 0.5;

/// A deviation at which nothing of the logged rates is left unexplained.
const EXACT: f64 = 3.0 * TRIFLE;

/// Least fall of the rate, as a share of the peak, that a decay must show: below it
/// shapes cannot be told apart.
const LEAST_FALL: f64 = 0.03;

/// Less probable possibilities are left out.
const LEAST_PROBABILITY: f64 = 0.02;

/// What logged learning rates may be the beginning of.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// The most probable schedule.
    pub schedule: Schedule,
    /// How far it lies from the logged rates: root mean square, as a share of the peak.
    pub deviation: f64,
    /// What else it may be, each with its probability.
    pub others: Vec<(f64, Schedule)>,
}

impl Inferred {
    fn surely(schedule: Schedule) -> Inferred {
        Inferred {
            schedule,
            deviation: 0.0,
            others: Vec::new(),
        }
    }

    /// True when another schedule explains the logged rates about as well.
    pub fn allows(
        &self,
        other: &Schedule,
        rates: &[(f64, f64)],
        peak: f64,
        warm_up: f64,
        total: f64,
    ) -> bool {
        let off = |(step, rate): &(f64, f64)| (rate / peak - other.share(*step, warm_up, total)).powi(2);
        let square = rates.iter().map(off).sum::<f64>() / rates.len().max(1) as f64;
        square.sqrt() < (ABOUT_AS_WELL * self.deviation).max(LIKE_ANY)
    }
}

/// Times the deviation of the best that is about as good, and a deviation that is as good as any:
/// trainers skip a step here and there.
const ABOUT_AS_WELL: f64 = 2.0;
const LIKE_ANY: f64 = 2e-3;

/// The schedules that the logged learning rates may be the beginning of, if one of the known
/// shapes fits and they have fallen far enough to tell.
///
/// `rates` are (step, learning rate) in order; warm-up is left out by the caller.
/// `total` is the planned number of steps; without it the shape must determine it.
/// A rate that has not moved is not recognised: it may start to decay any time.
pub fn infer(rates: &[(f64, f64)], peak: f64, warm_up: f64, total: Option<f64>) -> Option<Inferred> {
    let (last_step, _) = *rates.last()?;
    if !has_fallen(rates, peak) {
        return None;
    }
    if total.is_none()
        && let Some(schedule) = exact::cosine(rates, warm_up)
    {
        return Some(Inferred::surely(schedule));
    }
    let logged = Logged::new(rates, peak, warm_up);
    let fitting = |begins: &[(Origin, Decay)]| -> Vec<Fit> {
        let fits = begins
            .iter()
            .flat_map(|(origin, decay)| logged.fits(origin, *decay, total));
        fits.filter(|fit| fit.deviation < TOLERANCE && fit.evidence.is_finite())
            .collect()
    };
    let origins = origins(rates, peak, warm_up);
    let mut fits = fitting(&usual(&origins));
    // What explains the rates to the last digit leaves nothing to look for.
    if !fits.iter().any(|fit| fit.deviation < EXACT) {
        fits.extend(fitting(&unusual(&origins, warm_up)));
    }
    fits.sort_by(|one, other| other.evidence.total_cmp(&one.evidence));
    if let Some(best) = fits.first() {
        return Some(Inferred {
            schedule: best.schedule(0.0),
            deviation: best.deviation,
            others: possibilities(&fits, last_step),
        });
    }
    total
        .and_then(|total| begun_before(rates, total))
        .or_else(|| inverse_square_root(&logged.shares, total))
        .map(Inferred::surely)
}

/// All that the fits leave possible but for the centre of the first, with its probability.
fn possibilities(fits: &[Fit], last_step: f64) -> Vec<(f64, Schedule)> {
    /// A third of a normal distribution each, at these standard deviations, has its variance.
    const THIRDS: [f64; 3] = [0.0, -1.224_745, 1.224_745];
    let most = fits.first().map_or(0.0, |fit| fit.evidence);
    let weights: Vec<f64> = fits.iter().map(|fit| (fit.evidence - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut possible = Vec::new();
    for (index, (fit, weight)) in fits.iter().zip(weights).enumerate() {
        let probability = weight / sum;
        let parts: &[f64] = if fit.is_exact() { &[0.0] } else { &THIRDS };
        for at in parts {
            let is_the_best = index == 0 && *at == 0.0;
            let schedule = fit.schedule(*at);
            let ahead = schedule.total_steps.is_some_and(|total| total as f64 > last_step);
            let share = probability / parts.len() as f64;
            if !is_the_best && ahead && share > LEAST_PROBABILITY {
                possible.push((share, schedule));
            }
        }
    }
    possible
}

/// Where a fall may have begun.
#[derive(Clone, Copy)]
struct Origin {
    /// From this step...
    from: f64,
    /// ...to this one.
    to: f64,
    /// After the rate was held at its peak.
    stable: bool,
    /// How often falls begin there.
    prior: f64,
}

/// The falls that most trainers know.
fn usual(origins: &[Origin]) -> Vec<(Origin, Decay)> {
    let with_decays = |origin: &Origin| {
        // A fall from warm-up on is never 1-sqrt in practice.
        let decays: &[Decay] = if origin.stable {
            &[Decay::Cosine, Decay::Linear, Decay::OneMinusSquareRoot]
        } else {
            &[Decay::Cosine, Decay::Linear]
        };
        decays.iter().map(|decay| (*origin, *decay)).collect::<Vec<_>>()
    };
    origins.iter().flat_map(with_decays).collect()
}

/// The falls that some know: that of segmentation, and those that are counted from the first step,
/// with the warm-up laid over them.
fn unusual(origins: &[Origin], warm_up: f64) -> Vec<(Origin, Decay)> {
    let from_the_first_step = Origin {
        from: 0.0,
        to: 0.0,
        stable: false,
        prior: OVER_WARM_UP_PRIOR,
    };
    let polynomials = origins.iter().filter(|origin| !origin.stable).map(|origin| {
        let prior = origin.prior * POLYNOMIAL_PRIOR;
        (Origin { prior, ..*origin }, Decay::Polynomial(POWER))
    });
    // A line is the same wherever it is counted from.
    let over_warm_up = (warm_up > 0.0).then_some((from_the_first_step, Decay::Cosine));
    polynomials.chain(over_warm_up).collect()
}

fn origins(rates: &[(f64, f64)], peak: f64, warm_up: f64) -> Vec<Origin> {
    let (first_step, last_step) = match (rates.first(), rates.last()) {
        (Some((first, _)), Some((last, _))) => (*first, *last),
        _ => return Vec::new(),
    };
    let at = |step: f64| Origin {
        from: step,
        to: step,
        stable: false,
        prior: 1.0,
    };
    let mut origins = vec![at(warm_up)];
    // A log that begins late may hide a warm-up that ended where it begins.
    if first_step > warm_up {
        origins.push(at(first_step));
    }
    // Where the rate leaves the peak: the start of the decay, if there is a stable phase.
    let held = rates.iter().take_while(|(_, rate)| *rate > peak * (1.0 - 1e-3));
    if let Some((held_until, _)) = held.last()
        && held_until - first_step > 0.1 * (last_step - first_step)
    {
        origins.push(Origin {
            from: first_step,
            to: *held_until,
            stable: true,
            prior: STABLE_PRIOR,
        });
    }
    origins
}

/// Part of a run after this share of it is hardly its beginning: the log of a resumed run.
const LATE: f64 = 0.05;

/// Where warm-up may have ended before the log began, as shares of the run.
const WARM_UPS: [f64; 5] = [0.0, 0.01, 0.02, 0.05, 0.1];

/// A cosine whose peak was before the log began: the rate is linear in the cosine, with the
/// peak and the end as coefficients.
fn begun_before(rates: &[(f64, f64)], total: f64) -> Option<Schedule> {
    let ((first_step, first_rate), (_, last_rate)) = (*rates.first()?, *rates.last()?);
    if first_step < LATE * total {
        return None;
    }
    let to_zero = Schedule::of(Shape::Fall {
        decay: Decay::Cosine,
        min_ratio: 0.0,
    });
    let fit = |warm_up: f64| {
        let points: Vec<(f64, f64)> = thin(rates)
            .map(|(step, rate)| (to_zero.share(step, warm_up, total), rate))
            .collect();
        let count = points.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
        let (mean_share, mean_rate) = (mean(|point| point.0), mean(|point| point.1));
        let (mut square, mut product) = (0.0, 0.0);
        for (share, rate) in &points {
            square += (share - mean_share).powi(2);
            product += (share - mean_share) * (rate - mean_rate);
        }
        let height = product / square;
        let end = mean_rate - height * mean_share;
        let peak = end + height;
        let residual = |(share, rate): &(f64, f64)| (rate - end - height * share).powi(2);
        let deviation = (points.iter().map(residual).sum::<f64>() / count).sqrt() / peak;
        (deviation, peak, end / peak, warm_up)
    };
    let (_, peak, ratio, warm_up) = WARM_UPS
        .iter()
        .map(|share| fit(share * total))
        .filter(|(deviation, peak, ratio, _)| {
            let plausible = (-0.02..0.5).contains(ratio) && first_rate - last_rate > LEAST_FALL * peak;
            *peak > first_rate && plausible && *deviation < TOLERANCE
        })
        .min_by(|one, other| one.0.total_cmp(&other.0))?;
    let fall = schedule(false, Decay::Cosine, ratio.max(0.0), warm_up, total);
    Some(Schedule {
        peak: Some(peak),
        ..fall
    })
}

/// `sqrt(w / step)`, where the logged rates follow it.
fn inverse_square_root(shares: &[(f64, f64)], total: Option<f64>) -> Option<Schedule> {
    let (last_step, last_share) = *shares.last()?;
    let warm_up = last_share * last_share * last_step;
    let schedule = Schedule {
        total_steps: total.map(|total| total.round() as u64),
        warm_up: Some(warm_up.round() as u64),
        ..Schedule::of(Shape::InverseSquareRoot)
    };
    let square: f64 = shares
        .iter()
        .map(|(step, share)| (schedule.share(*step, warm_up, last_step) - share).powi(2))
        .sum();
    ((square / shares.len() as f64).sqrt() < TOLERANCE).then_some(schedule)
}

/// The variance that a deviation stands for: below a trifle none is believed.
fn variance(deviation: f64) -> f64 {
    deviation * deviation + TRIFLE * TRIFLE
}

/// Logged learning rates as shares of the peak.
struct Logged {
    shares: Vec<(f64, f64)>,
    /// The highest of them.
    peak: f64,
    /// Steps between two of them.
    stride: f64,
    warm_up: f64,
    first_step: f64,
    last_step: f64,
}

impl Logged {
    fn new(rates: &[(f64, f64)], peak: f64, warm_up: f64) -> Logged {
        let gaps = rates
            .windows(2)
            .filter_map(|pair| Some(pair.last()?.0 - pair.first()?.0));
        Logged {
            shares: thin(rates).map(|(step, rate)| (step, rate / peak)).collect(),
            peak,
            stride: gaps.filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min),
            warm_up,
            first_step: rates.first().map_or(0.0, |(step, _)| *step),
            last_step: rates.last().map_or(0.0, |(step, _)| *step),
        }
    }

    fn independent(&self) -> f64 {
        self.shares.len().min(MOST_INDEPENDENT) as f64
    }

    /// Half the logarithm of the mean square deviation, times the rates that count.
    fn log_likelihood(&self, deviation: f64) -> f64 {
        -0.5 * self.independent() * variance(deviation).ln()
    }

    /// Standard deviation of what the mean square deviation grows with so fast, around its best.
    fn spread(&self, deviation: f64, curvature: f64) -> f64 {
        (variance(deviation) / (self.independent() * curvature)).sqrt()
    }

    /// A shape that begins here, at its best with each of several ratios.
    fn fits(&self, origin: &Origin, decay: Decay, total: Option<f64>) -> Vec<Fit> {
        match total {
            Some(total) if total > origin.to => {
                let mut fits = self.to_the_end(origin, decay, total, total, 1.0);
                // Ultralytics' would reach its ratio one epoch after the last.
                if self.stride > NOTICEABLE * total && self.stride < total {
                    let later = total + self.stride;
                    fits.extend(self.to_the_end(origin, decay, later, total, A_RECORD_LATER));
                }
                // The peak of a resumed run is not in its log.
                let from_the_beginning = self.first_step <= self.warm_up.max(LATE * total);
                if from_the_beginning && !origin.stable {
                    fits.extend(self.to_any_step(origin, decay, Some(total)));
                }
                fits
            }
            Some(_) => Vec::new(),
            None => self.to_any_step(origin, decay, None),
        }
    }

    /// What the highest logged rate is a share of, where the fall began before it.
    fn share_at_the_peak(&self, decay: Decay, start: f64, min_ratio: f64, end: f64) -> f64 {
        if start >= self.warm_up {
            return 1.0;
        }
        let share = Schedule::of(Shape::Fall { decay, min_ratio }).share(self.warm_up, start, end);
        share.max(LEAST_SHARE_AT_THE_PEAK)
    }

    fn deviation(&self, decay: Decay, start: f64, end: f64) -> Deviation {
        // The ratio hardly matters to it.
        let scale = self.share_at_the_peak(decay, start, 0.0, end);
        Deviation::of(&self.shares, scale, decay, start, end, self.stride)
    }

    /// The start within the origin at which a shape comes closest.
    fn start(&self, origin: &Origin, deviation: impl Fn(f64) -> f64) -> f64 {
        if origin.to > origin.from {
            least(origin.from, origin.to, STARTS, deviation)
        } else {
            origin.from
        }
    }

    /// A fall to the end, which is so often there, with the usual ratios and the one that fits best.
    fn to_the_end(&self, origin: &Origin, decay: Decay, end: f64, planned: f64, often: f64) -> Vec<Fit> {
        let closest = |start: f64| {
            let deviation = self.deviation(decay, start, end);
            let (ratio, _) = deviation.best_ratio().unwrap_or_default();
            deviation.at(ratio)
        };
        let start = self.start(origin, closest);
        let deviation = self.deviation(decay, start, end);
        let fit = |ratio: f64, prior: f64, spread_of_ratio: f64| {
            let prior = (prior * origin.prior * often).ln();
            let deviation = deviation.at(ratio);
            Fit {
                deviation,
                evidence: self.log_likelihood(deviation) + prior,
                prior,
                decay,
                stable: origin.stable,
                start,
                ratio,
                end,
                planned: Some(planned),
                peak: self.peak / self.share_at_the_peak(decay, start, ratio, end),
                spread_of_ratio,
                spread_of_length: 0.0,
            }
        };
        let usual = usual_ratios(decay)
            .iter()
            .map(|(ratio, prior)| fit(*ratio, *prior, 0.0));
        let other = deviation.best_ratio().map(|(ratio, curvature)| {
            let spread = self
                .spread(deviation.at(ratio), curvature)
                .min(LARGEST_OTHER_RATIO);
            let prior = OTHER_RATIO * ROOT_OF_TWO_PI * spread / LARGEST_OTHER_RATIO;
            fit(ratio, prior, spread)
        });
        usual.chain(other).collect()
    }

    /// A fall that ends anywhere: with the run, or, where the last step is `planned`, before
    /// or after it.
    fn to_any_step(&self, origin: &Origin, decay: Decay, planned: Option<f64>) -> Vec<Fit> {
        let possible = if planned.is_some() { ELSEWHERE } else { 1.0 };
        let ratios = usual_ratios(decay);
        let range = |start: f64| {
            let least_fall = start + 8.0 * self.stride;
            let soonest = if planned.is_some() {
                least_fall
            } else {
                self.last_step.max(least_fall)
            };
            (soonest.ln(), (start + (self.last_step - start) * LONGEST).ln())
        };
        let at = |start: f64, log_end: f64, ratio: f64| self.deviation(decay, start, log_end.exp()).at(ratio);
        let end = |start: f64, ratio: f64| {
            let (low, high) = range(start);
            least(low, high, ENDS, |log_end| at(start, log_end, ratio))
        };
        let start = self.start(origin, |start| at(start, end(start, 0.0), 0.0));
        let (low, high) = range(start);
        let grid = Grid {
            low,
            high,
            places: ENDS,
        };
        let coarse: Vec<Deviation> = grid
            .all()
            .map(|log_end| self.deviation(decay, start, log_end.exp()))
            .collect();
        let mut fits: Vec<Fit> = Vec::with_capacity(2 * ratios.len());
        for &(ratio, prior) in ratios {
            let prior = (prior * origin.prior * possible).ln();
            // Along a straight line any length goes with some ratio.
            if let (Decay::Linear, Some(to_zero)) = (decay, fits.first()) {
                let end = to_zero.start + (to_zero.end - to_zero.start) * (1.0 - ratio);
                if end > self.last_step {
                    let evidence = to_zero.evidence - to_zero.prior + prior;
                    fits.push(Fit {
                        ratio,
                        end,
                        evidence,
                        prior,
                        ..*to_zero
                    });
                }
                continue;
            }
            let log_end = grid.least(coarse.iter().map(|deviation| deviation.at(ratio)), |log_end| {
                at(start, log_end, ratio)
            });
            let deviation = at(start, log_end, ratio);
            // Of the logarithm of the end; what makes a difference is the length of the fall.
            let aside = NEARBY * (1.0 - start / log_end.exp());
            let square = |side: f64| at(start, log_end + side * aside, ratio).powi(2);
            let curvature =
                (square(1.0) + square(-1.0) - 2.0 * deviation * deviation) / (2.0 * aside * aside);
            let spread = self.spread(deviation, curvature.max(1e-12)).min(WIDEST_LENGTH);
            fits.push(Fit {
                deviation,
                evidence: self.log_likelihood(deviation) + spread.ln() + prior,
                prior,
                decay,
                stable: origin.stable,
                start,
                ratio,
                end: log_end.exp(),
                planned,
                peak: self.peak / self.share_at_the_peak(decay, start, ratio, log_end.exp()),
                spread_of_ratio: 0.0,
                spread_of_length: spread,
            });
        }
        if let Some(planned) = planned {
            // What ends with the run has been looked at.
            fits.retain(|fit| (fit.end / planned - 1.0).abs() > NEARLY_THE_END);
        } else {
            // Most logs are of runs that are over.
            let now = self.deviation(decay, start, self.last_step);
            let over = |fit: &Fit| {
                let deviation = now.at(fit.ratio);
                Fit {
                    deviation,
                    evidence: self.log_likelihood(deviation) + OVER.ln() + fit.prior,
                    end: self.last_step,
                    spread_of_length: 0.0,
                    ..*fit
                }
            };
            let over: Vec<Fit> = fits.iter().map(over).collect();
            fits.extend(over);
        }
        fits
    }
}

const fn usual_ratios(decay: Decay) -> &'static [(f64, f64)] {
    match decay {
        Decay::Linear => &USUAL_RATIOS_OF_A_LINE,
        _ => &USUAL_RATIOS,
    }
}

/// How often a run is over, beside one of any length: for each unit of the logarithm of the
/// length, over the root of two pi.
const OVER: f64 = 0.1;

const ROOT_OF_TWO_PI: f64 = 2.506_628_274_631_000_5;

/// How often a fall to the end would end one record later, and how far apart, as a share of the run,
/// records are where that is noticed.
const A_RECORD_LATER: f64 = 0.2;
const NOTICEABLE: f64 = 0.002;

/// How often a fall ends before or after the last step that was planned, and how far from it,
/// as a share of the run, at least.
const ELSEWHERE: f64 = 0.05;
const NEARLY_THE_END: f64 = 0.03;

/// Longest run that is tried, in times what has been seen of the fall.
const LONGEST: f64 = 11.0;
/// Places to look at first, before it is looked closely at the best.
const STARTS: usize = 6;
const ENDS: usize = 32;
/// How far aside the curvature is taken, and the largest standard deviation, both of the
/// logarithm of a length.
const NEARBY: f64 = 0.01;
const WIDEST_LENGTH: f64 = 0.4;

/// At most so many of the rates, evenly.
fn thin(rates: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    const MOST: usize = 64;
    let stride = rates.len().div_ceil(MOST).max(1);
    rates.iter().copied().step_by(stride).chain(rates.last().copied())
}

/// One shape with one ratio at the end, at its best.
#[derive(Clone, Copy)]
struct Fit {
    /// Root mean square, as a share of the peak.
    deviation: f64,
    /// Logarithm of its probability, up to a constant, and of what it was beforehand.
    evidence: f64,
    prior: f64,
    decay: Decay,
    stable: bool,
    start: f64,
    ratio: f64,
    /// Where it ends, and the last step of the run where that is another.
    end: f64,
    planned: Option<f64>,
    /// Highest learning rate, had there been no warm-up.
    peak: f64,
    /// Standard deviations of the ratio, and of the logarithm of the total.
    spread_of_ratio: f64,
    spread_of_length: f64,
}

impl Fit {
    /// True when neither ratio nor length are in doubt.
    fn is_exact(&self) -> bool {
        self.spread_of_ratio < 0.005 && self.spread_of_length < 0.002
    }

    /// The schedule so many standard deviations away from the best.
    fn schedule(&self, away: f64) -> Schedule {
        let end = self.end * (away * self.spread_of_length).exp();
        let ratio = (self.ratio + away * self.spread_of_ratio).clamp(0.0, LARGEST_OTHER_RATIO);
        let schedule = Schedule {
            peak: Some(self.peak),
            ..schedule(self.stable, self.decay, ratio, self.start, end)
        };
        match self.planned {
            Some(planned) if planned.round() != end.round() => Schedule {
                decay_end: schedule.total_steps,
                total_steps: Some(planned.round() as u64),
                ..schedule
            },
            _ => schedule,
        }
    }
}

/// Trainers use round ratios; the logged rates carry rounding.
fn round_ratio(ratio: f64) -> f64 {
    (ratio * 200.0).round() / 200.0
}

/// The schedule that learning rates follow exactly which are changed once in so many steps, given
/// one after the other: their plan is one of epochs.
pub fn infer_by_epoch(rates: &[f64], steps_per_epoch: f64) -> Option<Inferred> {
    let rates: Vec<(f64, f64)> = (0..).map(f64::from).zip(rates.iter().copied()).collect();
    let peak = rates.first()?.1;
    if !has_fallen(&rates, peak) {
        return None;
    }
    let by_epoch = exact::cosine(&rates, 0.0)?;
    let in_steps =
        |epochs: Option<u64>| epochs.map(|epochs| (epochs as f64 * steps_per_epoch).round() as u64);
    Some(Inferred::surely(Schedule {
        total_steps: in_steps(by_epoch.total_steps),
        warm_up: in_steps(by_epoch.warm_up),
        decay_end: in_steps(by_epoch.decay_end),
        ..by_epoch
    }))
}

/// True when there are enough rates, fallen far enough, to tell shapes apart.
fn has_fallen(rates: &[(f64, f64)], peak: f64) -> bool {
    const FEWEST: usize = 8;
    let last = rates.last().map_or(0.0, |(_, rate)| *rate);
    peak > 0.0 && rates.len() >= FEWEST && 1.0 - last / peak >= LEAST_FALL
}

fn schedule(stable: bool, decay: Decay, min_ratio: f64, start: f64, total: f64) -> Schedule {
    let min_ratio = round_ratio(min_ratio);
    let shape = if stable {
        Shape::Stable {
            decay_share: 1.0 - start / total,
            decay,
            min_ratio,
        }
    } else {
        Shape::Fall { decay, min_ratio }
    };
    Schedule {
        total_steps: Some(total.round() as u64),
        warm_up: (!stable).then_some(start.round() as u64),
        ..Schedule::of(shape)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    fn logged(spec: &str, warm_up: f64, total: f64, until: f64) -> Vec<(f64, f64)> {
        let schedule: Schedule = spec.parse().unwrap();
        (0..)
            .map(|index| warm_up + 10.0 * f64::from(index))
            .take_while(|step| *step <= until)
            .map(|step| (step, 3e-4 * schedule.share(step, warm_up, total)))
            .collect()
    }

    #[test]
    fn known_shapes_are_recognised_from_a_part() {
        for (spec, until) in [
            ("cosine:min=0.1", 2000.0),
            ("cosine", 1500.0),
            ("linear:min=0", 1000.0),
            ("wsd:decay=0.2,shape=linear", 3400.0),
            ("wsd:decay=0.3,shape=sqrt", 3400.0),
            ("inverse-sqrt", 2000.0),
        ] {
            let rates = logged(spec, 200.0, 4000.0, until);
            let inferred = infer(&rates, 3e-4, 200.0, Some(4000.0))
                .unwrap_or_else(|| panic!("{spec}"))
                .schedule;
            let truth: Schedule = spec.parse().unwrap();
            for step in [2000.0, 3000.0, 3600.0, 4000.0] {
                let difference = inferred.share(step, 200.0, 4000.0) - truth.share(step, 200.0, 4000.0);
                assert!(
                    difference.abs() < 0.02,
                    "{spec} at {step}: {difference} ({inferred})"
                );
            }
        }
    }

    #[test]
    fn a_resumed_run_has_peaked_before_its_log_begins() {
        let whole = logged("cosine:min=0.1", 2000.0, 100_000.0, 58_000.0);
        let rounded = |rate: f64| (rate * 1e6).round() / 1e6;
        let rates: Vec<(f64, f64)> = whole
            .into_iter()
            .filter(|(step, _)| *step >= 47_700.0)
            .map(|(step, rate)| (step, rounded(rate)))
            .collect();
        let first = rates.first().unwrap().1;
        let inferred = infer(&rates, first, 0.0, Some(100_000.0)).unwrap().schedule;
        let peak = inferred.peak.unwrap();
        for step in [70_000.0, 100_000.0] {
            let truth: Schedule = "cosine:min=0.1".parse().unwrap();
            let truth = 3e-4 * truth.share(step, 2000.0, 100_000.0);
            let found = peak * inferred.share(step, inferred.warm_up.unwrap() as f64, 100_000.0);
            assert!(
                (found - truth).abs() < 0.03 * 3e-4,
                "{step}: {found} {truth} ({inferred})"
            );
        }
    }

    #[test]
    fn the_length_follows_from_the_shape_late_in_the_run() {
        let rates = logged("cosine:min=0.1", 300.0, 50_000.0, 45_000.0);
        let inferred = infer(&rates, 3e-4, 300.0, None).unwrap();
        let total = inferred.schedule.total_steps.unwrap();
        assert!(total.abs_diff(50_000) < 100, "{total}");
    }

    #[test]
    fn the_beginning_of_a_cosine_tells_its_length_and_its_end() {
        let rates = logged("cosine:min=0.1", 300.0, 10_000.0, 2_500.0);
        let inferred = infer(&rates, 3e-4, 300.0, None).unwrap();
        assert_eq!(
            inferred.schedule,
            "cosine:min=0.1,total=10000,warmup=300,peak=3e-4".parse().unwrap()
        );
    }

    #[test]
    fn the_beginning_of_a_polynomial_and_of_a_fall_under_its_warm_up() {
        let rates = logged("poly:power=0.9,min=0.01", 300.0, 10_000.0, 5_000.0);
        let inferred = infer(&rates, 3e-4, 300.0, None).unwrap().schedule;
        assert!(
            matches!(
                inferred.shape,
                Shape::Fall {
                    decay: Decay::Polynomial(_),
                    ..
                }
            ),
            "{inferred}"
        );
        assert!(inferred.total_steps.unwrap().abs_diff(10_000) < 200, "{inferred}");
        for (spec, until) in [("cosine", 3000.0), ("cosine:min=0.1", 5000.0)] {
            let mut rates = logged(spec, 0.0, 10_000.0, until);
            rates.retain(|(step, _)| *step >= 500.0);
            let inferred = infer(&rates, rates[0].1, 500.0, None).unwrap().schedule;
            let total = inferred.total_steps.unwrap();
            assert!(total.abs_diff(10_000) < 150, "{spec}: {inferred}");
            let peak = inferred.peak.unwrap();
            assert!((peak / 3e-4 - 1.0).abs() < 2e-3, "{spec}: {peak}");
        }
    }

    #[test]
    fn what_rounding_hides_stays_possible() {
        let truth: Schedule = "cosine:min=0.1,total=10000,warmup=300".parse().unwrap();
        let mut rates = logged("cosine:min=0.1", 300.0, 10_000.0, 2_000.0);
        for (_, rate) in &mut rates {
            *rate = (*rate * 1e6).round() / 1e6;
        }
        let inferred = infer(&rates, 3e-4, 300.0, None).unwrap();
        let at_the_end = |schedule: &Schedule| {
            let total = schedule.total_steps.unwrap() as f64;
            (total, schedule.share(total, 300.0, total))
        };
        let (lengths, ratios): (Vec<f64>, Vec<f64>) = inferred
            .others
            .iter()
            .map(|(_, schedule)| at_the_end(schedule))
            .chain([at_the_end(&inferred.schedule)])
            .unzip();
        let spans = |values: &[f64], value: f64| {
            values.iter().any(|other| *other <= value) && values.iter().any(|other| *other >= value)
        };
        let (length, ratio) = at_the_end(&truth);
        assert!(spans(&lengths, length) && spans(&ratios, ratio), "{inferred:?}");
        let others: f64 = inferred.others.iter().map(|(probability, _)| probability).sum();
        assert!((0.1..1.0).contains(&others), "{others}");
    }

    #[test]
    fn a_decay_may_end_a_record_after_the_run() {
        // Ultralytics, 100 epochs: the rates of all but the first.
        let rates: Vec<(f64, f64)> = (3..=50)
            .map(|epoch| {
                (
                    f64::from(epoch),
                    1e-3 * (1.0 - 0.99 * f64::from(epoch - 1) / 100.0),
                )
            })
            .collect();
        let inferred = infer(&rates, rates[0].1, 3.0, Some(100.0)).unwrap();
        assert_eq!(
            inferred.schedule.to_string(),
            "linear to 1% at step 101 over 100 steps"
        );
    }

    #[test]
    fn a_decay_may_end_before_the_run() {
        let rates = logged("cosine:min=0.1,end=3000", 200.0, 4000.0, 2_000.0);
        let inferred = infer(&rates, 3e-4, 200.0, Some(4000.0)).unwrap();
        assert_eq!(
            inferred.schedule.to_string(),
            "cosine to 10% at step 3000 over 4000 steps"
        );
    }

    #[test]
    fn rates_with_all_their_digits_leave_no_doubt() {
        // CosineAnnealingLR(T_max=200, eta_min=1e-6), logged after its step.
        let rate = |epoch: i32| 1e-6 + 0.5 * (9e-3 - 1e-6) * (1.0 + (f64::from(epoch) * PI / 200.0).cos());
        let ahead: Vec<(f64, f64)> = (0..32).map(|epoch| (f64::from(epoch), rate(epoch + 1))).collect();
        let inferred = infer(&ahead, ahead[0].1, 0.0, None).unwrap();
        assert_eq!(
            (inferred.schedule.total_steps, inferred.others.len()),
            (Some(200), 0)
        );
        assert!((inferred.schedule.peak.unwrap() / 9e-3 - 1.0).abs() < 1e-6);
        let from_one: Vec<(f64, f64)> = (1..32).map(|epoch| (f64::from(epoch), rate(epoch - 1))).collect();
        let inferred = infer(&from_one, 9e-3, 0.0, None).unwrap();
        assert_eq!(inferred.schedule.total_steps, Some(200));
        // Six digits of single precision leave doubt, and so does a line.
        let rounded: Vec<(f64, f64)> = ahead
            .iter()
            .map(|(step, rate)| (*step, (rate * 1e7).round() / 1e7))
            .collect();
        assert!(
            !infer(&rounded, rounded[0].1, 0.0, None)
                .unwrap()
                .others
                .is_empty()
        );
    }

    #[test]
    fn rates_of_a_single_step_are_no_schedule() {
        let falling = |step: fn(i32) -> f64| -> Vec<(f64, f64)> {
            (0..12)
                .map(|index| (step(index), 1e-3 - 5e-5 * f64::from(index)))
                .collect()
        };
        for total in [None, Some(0.0), Some(1.0), Some(1e18)] {
            for rates in [
                falling(|_| 0.0),
                falling(|_| 7.0),
                falling(|index| f64::from(index / 6)),
            ] {
                if let Some(inferred) = infer(&rates, 1e-3, 0.0, total) {
                    assert!(
                        inferred.deviation.is_finite(),
                        "{rates:?} {total:?}: {inferred:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_stable_phase_promises_nothing() {
        let rates = logged("wsd:decay=0.2", 200.0, 4000.0, 3000.0);
        assert_eq!(infer(&rates, 3e-4, 200.0, Some(4000.0)), None);
    }
}
