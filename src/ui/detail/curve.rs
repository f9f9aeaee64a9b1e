//! The curves that a run has.

use crate::metric::Quantity;
use crate::snapshot::{CurvePoint, RunView};
use crate::ui::app::App;

/// Everything that a run has a curve of, in the order in which the key goes through it: its losses,
/// the signals that an open alert is about, the other signals.
pub fn curves(run: &RunView) -> Vec<Quantity> {
    let (mut alarming, calm): (Vec<_>, Vec<_>) = run
        .signals
        .others
        .iter()
        .map(|(quantity, _)| *quantity)
        .partition(|quantity| {
            let mut alerts = run.open_alerts();
            alerts.any(|alert| crate::ui::alerts::signal_of(alert.kind) == Some(*quantity))
        });
    alarming.extend(calm);
    let losses = run.losses.iter().map(|loss| loss.quantity);
    losses.chain(alarming).collect()
}

/// The curve in the main chart: the one that the user wants, where this run has it.
pub fn curve_shown(app: &App, run: &RunView) -> Option<Quantity> {
    let wanted = app.metric.filter(|wanted| curves(run).contains(wanted));
    wanted.or_else(|| app.loss(run).map(|loss| loss.quantity))
}

/// A signal and its points.
pub(super) type Signal<'a> = (Quantity, &'a [CurvePoint]);

/// The signal of this quantity, where the run logs it.
pub(super) fn signal(run: &RunView, wanted: Quantity) -> Option<Signal<'_>> {
    let mut others = run.signals.others.iter();
    let found = others.find(|(quantity, _)| *quantity == wanted);
    found.map(|(quantity, points)| (*quantity, points.as_slice()))
}

/// The points of a signal that can be drawn: step and value.
pub(super) fn finite(points: &[CurvePoint]) -> Vec<(f64, f64)> {
    points
        .iter()
        .filter(|point| point.mean.is_finite())
        .map(|point| (point.step, point.mean))
        .collect()
}
