//! Lines by which a run says that it has failed.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words that are said when runs end, and what has happened then.
///
/// Words that also occur in runs that go on (`Traceback`, `Killed`) are left out: what comes
/// from them shows as silence.
const SAID: &[(&str, &str)] = &[
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
];

/// Looks for all of them at once: every line that is no record is asked.
static SEARCH: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(SAID.iter().map(|(words, _)| words)).ok());

/// What a line says has happened, if it is one that ends runs.
pub fn failure(line: &str) -> Option<&'static str> {
    let found = SEARCH.as_ref()?.find(line)?;
    SAID.get(found.pattern().as_usize()).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn what_ends_runs_is_found_and_what_does_not_is_not() {
        let memory = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB";
        assert_eq!(failure(memory), Some("it ran out of memory"));
        let limit = "slurmstepd: error: *** JOB 7 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***";
        assert_eq!(failure(limit), Some("the job reached its time limit"));
        assert_eq!(failure("Traceback (most recent call last):"), None);
        assert_eq!(failure("checkpoint written out, error 0.1, minimum 3"), None);
    }
}
