//! Lines that sum up trainings of which each has a log, or lines, of its own: what came out of several seeds or of the
//! folds of a cross-validation. They have no place in a run.

/// True where a loss is told with its deviation, as a mean over several trainings: `val_loss 0.57±0.01`.
pub(super) fn tells_a_deviation(line: &str) -> bool {
    line.match_indices('±').any(|(at, mark)| {
        let before = line.get(..at).unwrap_or_default().trim_end();
        let behind = line.get(at + mark.len()..).unwrap_or_default().trim_start();
        before.ends_with(|last: char| last.is_ascii_digit())
            && behind.starts_with(|first: char| first.is_ascii_digit())
    })
}

/// True for a line that begins with the number of a fold: `Fold 3 after - val_loss: 0.78`.
pub(super) fn is_of_a_fold(line: &str) -> bool {
    const FOLD: &str = "fold";
    let line = line.trim_start_matches([' ', '\t', '[', '(', '-', '=']);
    let is_fold = line
        .get(..FOLD.len())
        .is_some_and(|word| word.eq_ignore_ascii_case(FOLD));
    let number = line.get(FOLD.len()..).filter(|_| is_fold);
    let number = number.map(|rest| rest.trim_start_matches([' ', ':', '=', '#', '_', '-']));
    number.is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
}
