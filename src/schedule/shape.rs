//! Shapes of learning-rate schedules, declared by the user or inferred.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How the learning rate falls within the decay phase of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// `1 - q`
    Linear,
    /// `(1 + cos(pi q)) / 2`
    Cosine,
    /// `1 - sqrt(q)` (Haegele et al., arXiv 2405.18392)
    OneMinusSquareRoot,
    /// `m^q`, down to the ratio m.
    Exponential,
    /// `(1 - q)^p` with this power p, as in segmentation (Chen et al., DeepLab, arXiv 1606.00915:
    /// 0.9).
    Polynomial(f64),
}

impl Decay {
    /// That of a polynomial: of the first power it is linear.
    pub fn polynomial(power: f64) -> Decay {
        if power == 1.0 {
            Decay::Linear
        } else {
            Decay::Polynomial(power)
        }
    }

    /// Share of the drop still to come after `progress` (0 to 1) of the decay.
    fn remaining(self, progress: f64, min_ratio: f64) -> f64 {
        match self {
            Decay::Linear => 1.0 - progress,
            Decay::Cosine => 0.5 * (1.0 + (PI * progress).cos()),
            Decay::OneMinusSquareRoot => 1.0 - progress.sqrt(),
            Decay::Exponential => {
                let floor = min_ratio.max(1e-3);
                (floor.powf(progress) - floor) / (1.0 - floor)
            }
            Decay::Polynomial(power) => (1.0 - progress).powf(power),
        }
    }
}

impl fmt::Display for Decay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decay::Linear => write!(f, "linear"),
            Decay::Cosine => write!(f, "cosine"),
            Decay::OneMinusSquareRoot => write!(f, "1-sqrt"),
            Decay::Exponential => write!(f, "exponential"),
            Decay::Polynomial(power) => write!(f, "polynomial of power {power}"),
        }
    }
}

/// The shape of a schedule after warm-up, as a share of the peak.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// The peak to the end.
    Constant,
    /// Falls from the end of warm-up to the last step.
    Fall {
        /// The curve it follows.
        decay: Decay,
        /// Learning rate at the last step, as a share of the peak.
        min_ratio: f64,
    },
    /// Warm-up, stable, decay: the peak until the decay starts.
    Stable {
        /// Share of all steps that the decay takes.
        decay_share: f64,
        /// The curve it follows.
        decay: Decay,
        /// Learning rate at the last step, as a share of the peak.
        min_ratio: f64,
    },
    /// `sqrt(warm-up / step)`
    InverseSquareRoot,
    /// Cosine cycles of equal length, each from the peak.
    Cyclic {
        /// Number of cycles.
        cycles: u32,
        /// Learning rate at the end of a cycle, as a share of the peak.
        min_ratio: f64,
    },
    /// Multiplied by `factor` at each share of the total.
    MultiStep {
        /// (share of all steps, learning rate from there on as a share of the peak).
        drops: Vec<(f64, f64)>,
    },
}

/// A schedule for a run whose length may or may not be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The shape after warm-up.
    pub shape: Shape,
    /// Planned number of steps, if stated.
    pub total_steps: Option<u64>,
    /// Steps of linear warm-up, if stated.
    pub warm_up: Option<u64>,
    /// Peak learning rate, if stated.
    pub peak: Option<f64>,
    /// The step at which the shape ends, where that is not the last: before it, and the rate
    /// stays where it is, or beyond it.
    pub decay_end: Option<u64>,
}

impl Schedule {
    /// A shape of which nothing else is stated.
    pub const fn of(shape: Shape) -> Schedule {
        Schedule {
            shape,
            total_steps: None,
            warm_up: None,
            peak: None,
            decay_end: None,
        }
    }

    /// Learning rate at `step` as a share of the peak, warm-up counted at the peak.
    pub fn share(&self, step: f64, warm_up: f64, total: f64) -> f64 {
        let total = self.decay_end.map_or(total, |end| end as f64);
        let progress = |start: f64, end: f64| {
            if end > start {
                ((step - start) / (end - start)).clamp(0.0, 1.0)
            } else {
                1.0
            }
        };
        let fall = |decay: Decay, min_ratio: f64, progress: f64| {
            min_ratio + (1.0 - min_ratio) * decay.remaining(progress, min_ratio)
        };
        match &self.shape {
            Shape::Constant => 1.0,
            Shape::Fall { decay, min_ratio } => fall(*decay, *min_ratio, progress(warm_up, total)),
            Shape::Stable {
                decay_share,
                decay,
                min_ratio,
            } => fall(*decay, *min_ratio, progress(total * (1.0 - decay_share), total)),
            Shape::Cyclic { cycles, min_ratio } => {
                let turns = progress(warm_up, total) * f64::from(*cycles);
                // The last step ends a cycle; it does not begin one.
                let within = if turns >= f64::from(*cycles) {
                    1.0
                } else {
                    turns.fract()
                };
                fall(Decay::Cosine, *min_ratio, within)
            }
            Shape::InverseSquareRoot => (warm_up.max(1.0) / step.max(warm_up).max(1.0)).sqrt(),
            Shape::MultiStep { drops } => drops
                .iter()
                .filter(|(share, _)| step >= share * total)
                .map(|(_, ratio)| *ratio)
                .fold(1.0, f64::min),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |ratio: f64| {
            format!("{:.3}", ratio * 100.0)
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned()
        };
        match &self.shape {
            Shape::Constant => write!(f, "constant"),
            Shape::Fall { decay, min_ratio } => write!(f, "{decay} to {}%", percent(*min_ratio)),
            Shape::Stable {
                decay_share,
                decay,
                min_ratio,
            } => write!(
                f,
                "stable, then {decay} over the last {}% to {}%",
                percent((decay_share * 1000.0).round() / 1000.0),
                percent(*min_ratio)
            ),
            Shape::Cyclic { cycles, min_ratio } => {
                write!(f, "{cycles} cosine cycles to {}%", percent(*min_ratio))
            }
            Shape::InverseSquareRoot => write!(f, "inverse square root"),
            Shape::MultiStep { drops } => write!(f, "{} drops", drops.len()),
        }?;
        if let Some(end) = self.decay_end {
            write!(f, " at step {end}")?;
        }
        if let Some(total) = self.total_steps {
            write!(f, " over {total} steps")?;
        }
        Ok(())
    }
}

/// The power of a polynomial decay that is called just that.
pub const POWER: f64 = 0.9;

/// Why a schedule could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "schedule `{spec}`: {reason}. Write it as SHAPE[:KEY=VALUE,...], for example `cosine:total=50000,min=0.1`, \
     `wsd:total=50000,decay=0.2,shape=linear`, `linear:min=0`, `poly:power=0.9`, `constant`, \
     `inverse-sqrt:warmup=1000`, `cyclic:cycles=3` or `multistep:drops=0.8/0.316/0.9/0.1`"
)]
pub struct ScheduleError {
    spec: String,
    reason: String,
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(spec: &str) -> Result<Self, ScheduleError> {
        parse(spec).map_err(|reason| ScheduleError {
            spec: crate::text::printable(spec),
            reason,
        })
    }
}

fn parse(spec: &str) -> Result<Schedule, String> {
    let (name, settings) = spec.split_once(':').unwrap_or((spec, ""));
    let mut schedule = Schedule::of(Shape::Constant);
    let mut min_ratio = 0.0;
    let mut decay_share = 0.2;
    let mut decay = Decay::Linear;
    let mut drops = vec![(0.8, 0.316), (0.9, 0.1)];
    let mut cycles = 1;
    let mut power = POWER;
    for setting in settings.split(',').filter(|setting| !setting.trim().is_empty()) {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| format!("`{setting}` is not KEY=VALUE"))?;
        let value = value.trim();
        match key.trim() {
            "total" | "steps" => schedule.total_steps = Some(positive(key, value)? as u64),
            "warmup" | "warm-up" => schedule.warm_up = Some(number(key, value)? as u64),
            "end" => schedule.decay_end = Some(positive(key, value)? as u64),
            "peak" => schedule.peak = Some(positive(key, value)?),
            "min" => min_ratio = share(key, value)?,
            "decay" => decay_share = share(key, value)?,
            "shape" => decay = decay_named(value)?,
            "drops" => drops = drop_list(value)?,
            "power" => power = positive(key, value)?,
            "cycles" => cycles = (positive(key, value)? as u32).max(1),
            other => return Err(format!("unknown setting `{other}`")),
        }
    }
    schedule.shape = match name.trim() {
        "constant" => Shape::Constant,
        "cosine" => Shape::Fall {
            decay: Decay::Cosine,
            min_ratio,
        },
        "linear" => Shape::Fall {
            decay: Decay::Linear,
            min_ratio,
        },
        "exponential" => Shape::Fall {
            decay: Decay::Exponential,
            min_ratio,
        },
        "poly" | "polynomial" => Shape::Fall {
            decay: Decay::polynomial(power),
            min_ratio,
        },
        "wsd" => Shape::Stable {
            decay_share,
            decay,
            min_ratio,
        },
        "cyclic" => Shape::Cyclic { cycles, min_ratio },
        "inverse-sqrt" => Shape::InverseSquareRoot,
        "multistep" => Shape::MultiStep { drops },
        other => return Err(format!("unknown shape `{other}`")),
    };
    Ok(schedule)
}

fn number(key: &str, value: &str) -> Result<f64, String> {
    let number: f64 = value
        .parse()
        .map_err(|_| format!("`{key}` wants a number, not `{value}`"))?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err(format!("`{key}` must be a number of at least 0, not `{value}`"))
    }
}

fn positive(key: &str, value: &str) -> Result<f64, String> {
    match number(key, value)? {
        0.0 => Err(format!("`{key}` must be more than 0")),
        number => Ok(number),
    }
}

fn share(key: &str, value: &str) -> Result<f64, String> {
    let share = number(key, value)?;
    (share <= 1.0)
        .then_some(share)
        .ok_or_else(|| format!("`{key}` is a share between 0 and 1, not `{value}`"))
}

fn decay_named(name: &str) -> Result<Decay, String> {
    match name {
        "linear" => Ok(Decay::Linear),
        "cosine" => Ok(Decay::Cosine),
        "1-sqrt" | "sqrt" => Ok(Decay::OneMinusSquareRoot),
        "exponential" => Ok(Decay::Exponential),
        _ => Err(format!(
            "unknown decay shape `{name}` (linear, cosine, sqrt, exponential)"
        )),
    }
}

fn drop_list(value: &str) -> Result<Vec<(f64, f64)>, String> {
    let numbers: Vec<f64> = value
        .split('/')
        .map(|part| share("drops", part))
        .collect::<Result<_, _>>()?;
    numbers
        .chunks(2)
        .map(|pair| match pair {
            [at, ratio] => Ok((*at, *ratio)),
            _ => Err("`drops` wants pairs AT/RATIO/AT/RATIO".to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_start_at_the_peak_and_end_where_they_say() {
        for (spec, end) in [
            ("cosine:min=0.1", 0.1),
            ("linear", 0.0),
            ("wsd:decay=0.2,shape=sqrt", 0.0),
            ("wsd:decay=0.3,shape=exponential,min=0.01", 0.01),
            ("multistep:drops=0.8/0.3/0.9/0.1", 0.1),
            ("cyclic:cycles=3,min=0.05", 0.05),
            ("poly:power=1.8,min=0.01", 0.01),
            ("constant", 1.0),
        ] {
            let schedule: Schedule = spec.parse().unwrap();
            assert_eq!(schedule.share(100.0, 100.0, 1000.0), 1.0, "{spec}");
            let last = schedule.share(1000.0, 100.0, 1000.0);
            assert!((last - end).abs() < 1e-9, "{spec}: {last}");
        }
        let wsd: Schedule = "wsd:decay=0.2".parse().unwrap();
        assert_eq!(wsd.share(800.0, 100.0, 1000.0), 1.0);
        assert!((wsd.share(900.0, 100.0, 1000.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_spec_says_what_is_wrong_and_what_is_right() {
        for (spec, part) in [
            ("cosinus", "unknown shape `cosinus`"),
            ("wsd:decay=20", "share between 0 and 1"),
            ("cosine:total=many", "wants a number"),
            ("cosine:total=0", "more than 0"),
            ("cosine:steps", "not KEY=VALUE"),
        ] {
            let message = spec.parse::<Schedule>().unwrap_err().to_string();
            assert!(
                message.contains(part) && message.contains("cosine:total="),
                "{message}"
            );
        }
    }
}
