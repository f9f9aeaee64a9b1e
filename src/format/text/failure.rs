//! Lines by which a run says that it has failed.

/// What a line says has happened, if it is one that ends runs.
///
/// Words that also occur in runs that go on (`Traceback`, `Killed`) are left out: what comes
/// from them shows as silence.
pub fn failure(line: &str) -> Option<&'static str> {
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
    // Every one of them has one of these words; most lines have none.
    let bytes = line.as_bytes();
    ["out", "OUT", "Error", "error", "minimum", "Minimum"]
        .iter()
        .any(|word| memchr::memmem::find(bytes, word.as_bytes()).is_some())
        .then(|| SAID.iter().find(|(words, _)| line.contains(words)))
        .flatten()
        .map(|(_, what)| *what)
}
