//! The shapes that come closest to the logged rates.

use super::TRIFLE;
use super::deviation::Deviation;
use super::fit::{Fit, LARGEST_OTHER_RATIO};
use super::origin::Origin;
use super::search::{Grid, least};
use super::unseen::LATE;
use crate::schedule::shape::{Decay, Schedule, Shape};

/// Logged rates count as at most so many: what rounding does to neighbours is alike.
const MOST_INDEPENDENT: usize = 20;

/// Ratios that trainers end at, and how often: a line is mostly drawn to zero.
const USUAL_RATIOS: [(f64, f64); 5] = [(0.0, 0.45), (0.1, 0.35), (0.01, 0.08), (0.05, 0.05), (0.2, 0.02)];

const USUAL_RATIOS_OF_A_LINE: [(f64, f64); 3] = [(0.0, 0.88), (0.01, 0.04), (0.1, 0.03)];

/// How often they end at any other up to the next.
const OTHER_RATIO: f64 = 0.05;

/// A fall of which less than this share is left at the end of the warm-up did not begin under it.
const LEAST_SHARE_AT_THE_PEAK: f64 = 0.5;

/// The variance that a deviation stands for: below a trifle none is believed.
fn variance(deviation: f64) -> f64 {
    deviation * deviation + TRIFLE * TRIFLE
}

/// Logged learning rates as shares of the peak.
pub(super) struct Logged {
    pub(super) shares: Vec<(f64, f64)>,
    /// The highest of them.
    peak: f64,
    /// Steps between two of them.
    stride: f64,
    warm_up: f64,
    first_step: f64,
    last_step: f64,
}

impl Logged {
    pub(super) fn new(rates: &[(f64, f64)], peak: f64, warm_up: f64) -> Logged {
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
    pub(super) fn fits(&self, origin: &Origin, decay: Decay, total: Option<f64>) -> Vec<Fit> {
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
pub(super) const LONGEST: f64 = 11.0;

/// Places to look at first, before it is looked closely at the best.
const STARTS: usize = 6;

pub(super) const ENDS: usize = 32;

/// How far aside the curvature is taken, and the largest standard deviation, both of the
/// logarithm of a length.
const NEARBY: f64 = 0.01;

const WIDEST_LENGTH: f64 = 0.4;

/// At most so many of the rates, evenly.
pub(super) fn thin(rates: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    const MOST: usize = 64;
    let stride = rates.len().div_ceil(MOST).max(1);
    rates.iter().copied().step_by(stride).chain(rates.last().copied())
}
