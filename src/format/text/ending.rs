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
    ("CUDA error: ", "CUDA reported an error"),
    ("DUE TO TIME LIMIT", "the job reached its time limit"),
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
    ("got signal: ", "a process of the job got a signal"),
];

/// Words that trainers say once, when they are done.
const FINISHED: &[&str] = &[
    "'train_runtime':",             // Hugging Face, in the summary that is no record
    "TrainOutput(global_step=",     // Hugging Face, in a notebook
    "[after training is done]",     // Megatron-LM
    "Training Completed",           // Axolotl
    "raining complete",             // torchtitan, OLMo and many a script
    "raining finished",             // Marian
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

/// Looks for all of them at once: every line that is no record is asked.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let told = FAILED.iter().chain(PERHAPS).map(|(words, _)| words);
    AhoCorasick::new(told.chain(FINISHED)).ok()
});

/// What a line says of the end, if it is one that ends runs.
pub fn ending(line: &str) -> Option<How> {
    let found = SEARCH.as_ref()?.find(line)?.pattern().as_usize();
    let perhaps = || {
        found
            .checked_sub(FAILED.len())
            .and_then(|found| PERHAPS.get(found))
    };
    Some(match (FAILED.get(found), perhaps()) {
        (Some((_, what)), _) => How::Failed(what),
        (None, Some((_, what))) => How::Perhaps(what),
        (None, None) => How::Finished,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_runs_is_found_and_what_does_not_is_not() {
        let memory = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB";
        assert_eq!(ending(memory), Some(How::Failed("it ran out of memory")));
        let limit = "slurmstepd: error: *** JOB 7 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***";
        assert_eq!(ending(limit), Some(How::Failed("the job reached its time limit")));
        let done = "[after training is done] datetime: 2026-01-01 00:00:00";
        assert_eq!(ending(done), Some(How::Finished));
        assert_eq!(
            ending("Traceback (most recent call last):"),
            Some(How::Perhaps("an error was raised in Python"))
        );
        assert_eq!(ending("checkpoint written out, error 0.1, minimum 3"), None);
    }
}
