//! The schedule that a log or a file beside it states, from what it says of its plan.

use crate::format::hints::{Fact, Hints};
use crate::schedule::Schedule;
use crate::schedule::shape::{Decay, POWER, Shape};

/// The schedule that these hints amount to; `None` when they name no shape.
pub(super) fn schedule(hints: &Hints, total_steps: Option<u64>) -> Option<Schedule> {
    let total_steps = total_steps.or_else(|| hints.total_steps());
    let min_ratio = hints
        .min_ratio()
        .filter(|ratio| (0.0..1.0).contains(ratio))
        .unwrap_or(0.0);
    let share_of_all = |steps: f64| total_steps.map(|total| steps / total as f64);
    let cool_down = hints
        .number(Fact::CoolDownRatio)
        .or_else(|| share_of_all(hints.number(Fact::CoolDownSteps)?))
        .or_else(|| Some(hints.number(Fact::DecayEpochs)? / hints.epochs()?))
        .filter(|share| *share > 0.0 && *share <= 1.0);
    let name = hints.scheduler().unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    // fairseq's three stages, each of so many steps; `decay_steps` are those of the last.
    let last_stage = hints.number(Fact::DecayEnd).filter(|_| says(&["tri_stage"]));
    let three_stages = last_stage.and_then(|decay| {
        let before = hints.number(Fact::WarmUpSteps)? + hints.number(Fact::StableSteps).unwrap_or_default();
        Some((decay, before + decay))
    });
    // pix2pix calls it linear, and holds the rate first.
    let falls_late = hints.number(Fact::DecayEpochs).is_some() && says(&["linear"]);
    let shape = if let Some((decay, end)) = three_stages {
        Shape::Stable {
            decay_share: decay / end,
            decay: Decay::Exponential,
            min_ratio,
        }
    } else if says(&["wsd", "stable", "trapezoid"]) || falls_late || name.is_empty() && cool_down.is_some() {
        Shape::Stable {
            decay_share: cool_down?,
            decay: decay(hints.word(Fact::CoolDownShape).unwrap_or_default()).unwrap_or(Decay::Linear),
            min_ratio,
        }
    } else if says(&["restart", "cyclic"]) {
        return None; // How many cycles is not among the hints.
    } else if says(&["inverse", "inv_sqrt", "rsqrt", "noam"]) {
        Shape::InverseSquareRoot
    } else if says(&["constant"]) {
        Shape::Constant
    } else {
        Shape::Fall {
            decay: match hints.number(Fact::DecayPower) {
                Some(power) if says(&["poly"]) => Decay::polynomial(power),
                _ => decay(name)?,
            },
            min_ratio,
        }
    };
    // Of a fall by a factor every so many steps the same names tell how many.
    let end_of_fall = hints
        .number(Fact::DecayEnd)
        .filter(|_| matches!(shape, Shape::Fall { decay, .. } if !matches!(decay, Decay::Exponential)));
    let decay_end = three_stages.map(|(_, end)| end).or(end_of_fall);
    Some(Schedule {
        shape,
        decay_end: decay_end
            .and_then(crate::format::roles::whole)
            .filter(|end| total_steps.is_some_and(|total| *end > 1 && *end != total)),
        total_steps,
        warm_up: hints.warm_up_steps(),
        peak: hints.number(Fact::PeakLearningRate).filter(|peak| *peak > 0.0),
    })
}

fn decay(name: &str) -> Option<Decay> {
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["cos"]) {
        Some(Decay::Cosine)
    } else if says(&["linear", "polynomial"]) {
        // Unless they are told otherwise PyTorch and Transformers take the first power.
        Some(Decay::Linear)
    } else if says(&["poly"]) {
        Some(Decay::polynomial(POWER))
    } else if says(&["sqrt"]) {
        Some(Decay::OneMinusSquareRoot)
    } else if says(&["exp"]) {
        Some(Decay::Exponential)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::sidecar;

    #[test]
    fn trainer_arguments_become_a_schedule() {
        for (yaml, wanted) in [
            (
                "lr_scheduler_type: cosine\nmax_steps: 4000\nwarmup_steps: 200\nlearning_rate: 3.0e-4\n",
                "cosine to 0% over 4000 steps",
            ),
            (
                "lr_scheduler_type: constant\nmax_steps: 4000\n",
                "constant over 4000 steps",
            ),
            (
                "lr_scheduler_type: inverse_sqrt\nmax_steps: 90\n",
                "inverse square root over 90 steps",
            ),
            (
                "lr_decay_style: cosine\ntrain_iters: 1000\nlr_decay_iters: 800\nlr: 1.5e-4\nmin_lr: 1.5e-5\n",
                "cosine to 10% at step 800 over 1000 steps",
            ),
            (
                "lr_policy: linear\nlr_decay_iters: 50\nn_epochs: 100\nn_epochs_decay: 100\nsteps_per_epoch: 180\n",
                "stable, then linear over the last 50% to 0% over 36000 steps",
            ),
            (
                "lr_policy: poly\npower: 1.8\nmax_iter: 200000\n",
                "polynomial of power 1.8 to 0% over 200000 steps",
            ),
            (
                "lr_scheduler: tri_stage\nwarmup_steps: 10000\nhold_steps: 40000\ndecay_steps: 50000\nfinal_lr_scale: 0.05\n\
                 max_update: 100000\n",
                "stable, then exponential over the last 50% to 5% over 100000 steps",
            ),
            (
                "lr_scheduler: tri_stage\nwarmup_steps: 2000\ndecay_steps: 78000\nfinal_lr_scale: 0.05\nmax_update: 100000\n",
                "stable, then exponential over the last 97.5% to 5% at step 80000 over 100000 steps",
            ),
        ] {
            let hints = sidecar::read("args.yaml", yaml.as_bytes());
            assert_eq!(schedule(&hints, None).unwrap().to_string(), wanted);
        }
    }
}
