//! Where a run ends, in as few words as a table has room for: the same on all screens.

use super::app::App;
use super::chart;
use crate::precision;
use crate::snapshot::{End, LossView, RunView, State};

/// What follows an end that rests on a plan which the log does not show.
const IF: &str = "if";

/// The end of a run; `None` where nobody can say.
pub fn in_brief(app: &App, run: &RunView, loss: &LossView) -> Option<String> {
    let half = half_width(app, loss);
    match run.end(loss) {
        End::Reached(end) => return Some(format!("{} final", precision::value(end, half))),
        End::ByPlan(low, high) => return Some(format!("{} {IF}", precision::range(low, high))),
        End::Projected(forecast) => return Some(precision::with_interval(forecast.final_loss, half)),
        End::Unknown if run.state == State::Finished => return None,
        End::Unknown => {}
    }
    // Where no end is planned, the decay may begin at any time.
    let now = loss.scenarios.first().filter(|_| run.knows_rates())?;
    let known = precision::value(now.final_loss, 0.5 * (now.high - now.low));
    Some(format!("{known} {IF} decayed"))
}

/// Half the width of the chosen interval of what is projected; NaN where nothing is.
pub fn half_width(app: &App, loss: &LossView) -> f64 {
    let forecast = loss.forecast.as_ref();
    forecast.map_or(f64::NAN, |forecast| chart::half_width(app, forecast))
}

/// How much higher the end of a run is than that of another, as far as both are known.
pub fn difference(app: &App, own: (&RunView, &LossView), base: (&RunView, &LossView)) -> Option<String> {
    let end = |(run, loss): (&RunView, &LossView)| run.end_of(loss);
    let half = half_width(app, own.1).max(half_width(app, base.1));
    Some(precision::difference(end(own)? - end(base)?, half))
}
