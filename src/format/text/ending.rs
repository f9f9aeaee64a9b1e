//! Lines by which a run says that it is over.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::format::records::How;

/// Words that are said when runs fail, and what has happened then.
const FAILED: &[(&str, &str)] = &[
    (
        "Watchdog caught collective operation timeout",
        "a collective operation timed out (NCCL)",
    ),
    ("CUDA out of memory", "the GPU ran out of memory"),
    ("OutOfMemoryError", "it ran out of memory"),
    (
        "RESOURCE_EXHAUSTED: Out of memory",
        "the device ran out of memory",
    ),
    ("HIP out of memory", "the GPU ran out of memory"),
    ("CUDA error: ", "CUDA reported an error"),
    ("HIP error: ", "HIP reported an error"),
    (
        "oom-kill event",
        "the node ran out of memory and the job was killed",
    ),
    (
        "oom_kill event",
        "the node ran out of memory and the job was killed",
    ),
    ("DUE TO TIME LIMIT", "the job reached its time limit"),
    ("job killed: walltime", "the job reached its time limit"),
    ("TERM_RUNLIMIT", "the job reached its time limit"),
    ("TERM_MEMLIMIT", "the job reached its memory limit"),
    ("DUE TO PREEMPTION", "the job was preempted"),
    ("DUE TO NODE FAILURE", "a node of the job failed"),
    ("CANCELLED AT ", "the job was cancelled"),
    ("Minimum loss scale reached", "the loss scale reached its minimum"),
    (
        "Current loss scale already at minimum",
        "the loss scale reached its minimum",
    ),
    ("ChildFailedError", "a process of the job failed"),
    ("exited on signal", "a process of the job was killed"),
];

/// Words that are said then too, and in runs that go on: they tell where nothing follows.
const PERHAPS: &[(&str, &str)] = &[
    (
        "Traceback (most recent call last)",
        "an error was raised in Python",
    ),
    ("KeyboardInterrupt", "it was interrupted"),
    ("Keyboard interruption", "it was interrupted"),
    ("received SIGINT", "it was interrupted"),
    ("SIGTERM", "it was told to stop"),
    ("got signal: ", "a process of the job got a signal"),
    (
        "exits with return code",
        "a process of the job ended with an error",
    ),
    (
        "exited with exit code",
        "a process of the job ended with an error",
    ),
    (
        "terminated with exit code",
        "a process of the job ended with an error",
    ),
    ("death signal", "it was told to stop"),
    (": Killed", "a process of the job was killed"),
    (" Killed ", "a process of the job was killed"),
    ("Segmentation fault", "a process of the job crashed"),
    ("Bus error", "a process of the job crashed"),
    ("(core dumped)", "a process of the job crashed"),
    ("No space left on device", "the disk was full"),
    ("Disk quota exceeded", "the disk quota was exceeded"),
];

/// Words that trainers say once, when they are done.
const FINISHED: &[&str] = &[
    "'train_runtime':",             // Hugging Face, in the summary that is no record
    "TrainOutput(global_step=",     // Hugging Face, in a notebook
    "[after training is done]",     // Megatron-LM
    "Training Completed",           // Axolotl
    "raining complete",             // torchtitan, OLMo and many a script
    "raining COMPLETE",             // GaitSet
    "raining finished",             // Marian
    "inished training",             // many a script
    "Signaling Trainer to stop",    // Lightning, stopping early
    ": early stopping",             // Keras
    ": Early stopping.",            // Paddle
    "Stopping training early",      // Ultralytics
    "early stop since",             // fairseq
    "quitting training!",           // flair
    "arly stopping triggered",      // many a script
    "topped early",                 // many a script
    "stop training.",               // many a script
    "Stopping training.",           // many a script
    "run complete @ step",          // nanochat's descendants
    "done training in",             // fairseq
    "`Trainer.fit` stopped",        // Lightning
    "epochs completed in",          // Ultralytics
    "The training was finished at", // ESPnet
    "Overall training speed",       // detectron2
    "peak memory allocated",        // modded-nanogpt
    "peak memory consumption",      // modded-nanogpt
    "stopping_early",               // modded-nanogpt's descendants
    "Total training time:",         // nanochat
    "| End of training |",          // PyTorch's word model
];

/// Words that many a script says then too, and beforehand.
const STOPPED_EARLY: &[&str] = &[
    "arly stopping at ",
    "arly stop at ",
    "arly stop after ",
    "[EARLY STOP]",
    "EarlyStopping counter",
    "arly stopping counter",
];

/// What is said with those of a stop that is still to come, or a setting.
const NOT_YET: &[&str] = &["will ", "would ", "counter", "enabled", "disabled"];

/// What counts the evaluations without an improvement, up to the one that ends the run.
const PATIENCE: &[&str] = &["patience", "counter"];

/// All that some shells say of what was killed or stopped, which is too little to look for in
/// longer lines.
const ALONE: &[(&str, How)] = &[
    ("Killed", How::Perhaps("a process of the job was killed")),
    ("Terminated", How::Perhaps("it was told to stop")),
    ("Early stopping", How::Finished),
    ("Early stopping!", How::Finished),
    ("Early stopping.", How::Finished),
];

/// Looks for all of them at once: every line that is no record is asked.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let told = FAILED.iter().chain(PERHAPS).map(|(words, _)| words);
    AhoCorasick::new(told.chain(FINISHED).chain(STOPPED_EARLY)).ok()
});

/// What a line says of the end, if it is one that ends runs.
pub fn ending(line: &str) -> Option<How> {
    if let Some((_, how)) = ALONE.iter().find(|(words, _)| *words == line.trim_end()) {
        return Some(*how);
    }
    // The first of the list: `CANCELLED AT` stands before the reason.
    let found = SEARCH
        .as_ref()?
        .find_iter(line)
        .map(|found| found.pattern().as_usize())
        .min()?;
    let perhaps = || {
        found
            .checked_sub(FAILED.len())
            .and_then(|found| PERHAPS.get(found))
    };
    match (FAILED.get(found), perhaps()) {
        (Some((_, what)), _) => Some(How::Failed(what)),
        (None, Some((_, what))) => Some(How::Perhaps(what)),
        (None, None) => {
            let is_said_once = found < FAILED.len() + PERHAPS.len() + FINISHED.len();
            let line = line.to_ascii_lowercase();
            // Other ends tell of what was counted before: `Training complete (patience 3/5)`.
            let is_to_come = match patience(&line).filter(|_| line.contains("early")) {
                Some((met, limit)) => met < limit,
                None => !is_said_once && NOT_YET.iter().any(|words| line.contains(words)),
            };
            (!is_to_come).then_some(How::Finished)
        }
    }
}

/// How much of the patience is used up, of how much: `patience 1/5`, `counter: 5 out of 5`.
fn patience(line: &str) -> Option<(u64, u64)> {
    let behind = PATIENCE
        .iter()
        .find_map(|words| line.split_once(words))
        .map(|(_, behind)| behind)?;
    let (met, rest) = leading_count(behind.trim_start_matches(|letter: char| !letter.is_ascii_digit()))?;
    let rest = rest.trim_start();
    let limit = ["/", "out of", "of"]
        .iter()
        .find_map(|words| rest.strip_prefix(words))?;
    let (limit, _) = leading_count(limit.trim_start())?;
    (limit > 0).then_some((met, limit))
}

/// The whole number at the start of a text, and what follows.
fn leading_count(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_runs_is_found_and_what_does_not_is_not() {
        let memory = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB";
        assert_eq!(ending(memory), Some(How::Failed("the GPU ran out of memory")));
        let limit = "slurmstepd: error: *** JOB 7 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***";
        assert_eq!(ending(limit), Some(How::Failed("the job reached its time limit")));
        let done = "[after training is done] datetime: 2026-01-01 00:00:00";
        assert_eq!(ending(done), Some(How::Finished));
        assert_eq!(
            ending("Traceback (most recent call last):"),
            Some(How::Perhaps("an error was raised in Python"))
        );
        let cancelled = "slurmstepd: error: *** JOB 7 ON dgx-30 CANCELLED AT 2026-01-01T00:00:00 ***";
        assert_eq!(ending(cancelled), Some(How::Failed("the job was cancelled")));
        let preempted = "*** STEP 7.0 ON dgx-30 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***";
        assert_eq!(ending(preempted), Some(How::Failed("the job was preempted")));
        let killed = Some(How::Perhaps("a process of the job was killed"));
        assert_eq!(ending("Killed"), killed);
        assert_eq!(
            ending("run.sh: line 3:   120 Killed                  python train.py"),
            killed
        );
        assert_eq!(ending("Epoch 00012: early stopping"), Some(How::Finished));
        assert_eq!(ending("Epoch 6: Early stopping."), Some(How::Finished));
        assert_eq!(ending("Training COMPLETE"), Some(How::Finished));
        for early in [
            "[pretrain] early stop after 28 epochs (no improvement for 6)",
            "2025-11-04 11:23:15,059 - INFO - [EARLY STOP] Validation did not improve for 10 epochs.",
        ] {
            assert_eq!(ending(early), Some(How::Finished), "{early}");
        }
        for to_come in [
            "will early stop after 3 more evaluations",
            "Patience 2/5: will early stop at 5",
            "[EARLY STOP] counter 1/5",
            "[EARLY STOP] Counter: 1 of 5",
            "[EARLY STOP] patience 1/5",
            "[EARLY STOP] val loss 2.3 did not improve (patience: 4 / 5)",
            "No improvement: early stopping patience 1/5",
            "early stop after 5 epochs without improvement: enabled",
        ] {
            assert_eq!(ending(to_come), None, "{to_come}");
        }
        assert_eq!(ending("EarlyStopping counter: 3 out of 10"), None);
        assert_eq!(ending("EarlyStopping counter: 0 out of 0"), None);
        for reached in [
            "EarlyStopping counter: 5 out of 5",
            "[EARLY STOP] patience 5/5",
            "Early stopping triggered at epoch 12/100 (patience 10)",
            "Training complete. Best epoch 25 (patience 3/5)",
            "Training finished, step counter 3000 of 10000",
        ] {
            assert_eq!(ending(reached), Some(How::Finished), "{reached}");
        }
        assert_eq!(ending("checkpoint written out, error 0.1, minimum 3"), None);
    }
}
