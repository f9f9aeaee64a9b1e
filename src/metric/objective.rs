//! Which of several losses is the objective: the whole, its parts, and what only looks like one.

use super::data::is_data;
use super::players::ADVERSARIAL;
use super::words::canonical_words;

/// Names of losses in logs that call nothing a loss, the best first.
pub const STAND_INS: &[&str] = &[
    COST,
    "objective",
    "mse",
    "bce",
    "ce",
    "elbo",
    "bpd",
    "rmse",
    "l2",
    "huber",
    "smoothl1",
    "mae",
    "l1",
    "error",
    "err",
];

/// Needs not fall by much.
pub const COST: &str = "cost";

/// What the sum of several losses is called beside its parts.
pub const TOTAL: &str = "total";

/// Parts of names that look like a loss but are not the objective.
const NOT_A_LOSS: &[&str] = &[
    "z_loss",
    "aux_loss",
    "kl_loss",
    "balanc",
    "ent_coef",
    "router",
    "perplex",
    "discrimin",
];

/// The same as beginnings of words: `semantic_loss` is no moving average.
const NOT_A_LOSS_WORDS: &[&str] = &[
    "best", "delta", "std", "min", "max", "scale", "ema", "mtp", "final", "initial", "target", "time",
];

/// True for a loss by its name that is not the objective.
pub(super) fn is_another_loss(canonical: &str) -> bool {
    let begins = |word: &str| NOT_A_LOSS_WORDS.iter().any(|start| word.starts_with(start));
    // That of a policy, and not a cross entropy.
    let words = || canonical.split('_');
    let of_entropy = words().any(|word| ["entropy", "entloss"].contains(&word))
        && !words().any(|word| word.starts_with("cross"));
    of_entropy || NOT_A_LOSS.iter().any(|part| canonical.contains(part)) || words().any(begins)
}

/// Words that make of the `loss` behind them a part of the objective.
const PARTS: &[&str] = &[
    "kl",
    "z",
    "aux",
    "auxiliary",
    "balance",
    "balancing",
    "router",
    "mtp",
    "commitment",
    "discriminator",
    "critic",
    "entropy",
];

/// True for `kl loss`, two words: not the objective, although its last word names that.
pub fn is_part_of_the_loss(words: &str) -> bool {
    words.split_once(' ').is_some_and(|(part, loss)| {
        loss.eq_ignore_ascii_case("loss") && PARTS.iter().any(|known| part.eq_ignore_ascii_case(known))
    })
}

/// The same of the parts of an objective that go by their own names beside its total.
const KINDS_OF_PARTS: &[&str] = &[
    "bce",
    "bc",
    "box",
    "ce",
    "cls",
    "charb",
    "charbonnier",
    "commit",
    "consistency",
    "contrastive",
    "ctc",
    "cycle",
    "dfl",
    "dice",
    "distill",
    "distillation",
    "fft",
    "focal",
    "giou",
    "ic",
    "infonce",
    "kd",
    "kld",
    "l1",
    "lpips",
    "mel",
    "mlm",
    "mse",
    "nce",
    "nll",
    "nsp",
    "obj",
    "pde",
    "perceptual",
    "physics",
    "reg",
    "residual",
    "smoothness",
    "ssim",
    "style",
    "sup",
    "triplet",
    "tv",
    "unsup",
    "vgg",
    "vq",
];

/// True for a name that says nothing of a loss but which part of one it is: `KL`, `train_recon`, `val_box_loss`.
pub fn is_part_of_a_total(name: &str) -> bool {
    canonical_words(name).split('_').any(is_part)
}

fn is_part(word: &str) -> bool {
    [PARTS, RECONSTRUCTION, ADVERSARIAL, KINDS_OF_PARTS]
        .iter()
        .any(|parts| parts.contains(&word))
}

/// True for the total of the losses that the other name is one of: `val_total` beside `val_recon`.
pub fn is_total_of(total: &str, part: &str) -> bool {
    let (total, part) = (canonical_words(total), canonical_words(part));
    let is_of_part = |word: &&str| is_part(word) || *word == "loss";
    part.split('_').any(is_part)
        && total.split('_').any(|word| word == TOTAL)
        && (total.split('_').filter(|word| *word != TOTAL))
            .eq(part.split('_').filter(|word| !is_of_part(word)))
}

/// What autoencoders are trained for, whatever players they have beside it.
pub(super) const RECONSTRUCTION: &[&str] = &["rec", "recon", "reconstruction", "ae", "aeloss"];

/// Words behind `loss` that leave it the objective.
pub(super) const SUMMARIES: &[&str] = &[
    "total", "mean", "avg", "average", "sum", "all", "local", "global", "step", "batch", "epoch", "value",
    "metric",
];

/// Words behind the full name of a loss that make it something else: `train_loss_weight`.
pub(super) const NO_LONGER_A_LOSS: &[&str] = &[
    "weight",
    "weights",
    "coef",
    "factor",
    "ratio",
    "rate",
    "num",
    "count",
    "diff",
    "change",
    "var",
    "patience",
    "threshold",
];

/// Words that say of a loss that it is the whole of its parts.
pub(super) const WHOLE: &[&str] = &["total", "full", "overall"];

/// True for a name that tells nothing but that it is a loss, of which data, and what was done to it:
/// `loss_train_avg`.
pub(super) fn tells_of_a_loss_alone(canonical: &str) -> bool {
    let words = || canonical.split('_');
    let is_of_loss = |word: &str| word == "loss" || SUMMARIES.contains(&word) || WHOLE.contains(&word);
    words().any(|word| word == "loss") && words().all(|word| is_of_loss(word) || is_data(word))
}

/// True for such a name of the whole of a loss: `total_train_loss`, `val_loss_total`, and no `total_box_loss`. A
/// sum is as likely that of all tokens.
pub(super) fn is_whole_loss(canonical: &str) -> bool {
    let has = |wanted: &dyn Fn(&str) -> bool| canonical.split('_').any(wanted);
    tells_of_a_loss_alone(canonical) && has(&|word| WHOLE.contains(&word)) && !has(&|word| word == "sum")
}
