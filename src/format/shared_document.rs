//! A JSON document in which each of several runs has what it tells under its name:
//! `{"resnet": {"train_loss": [2.5, 2.25]}, "vgg": {"train_loss": [3.5, 3.25]}}`.

use serde_json::Value;

use super::json_document::{JsonDocumentDecoder, parse, split_of};
use super::number;
use super::records::Decoded;
use super::shared_table::MOST_RUNS;
use super::{Column, DocumentDecoder};
use crate::metric::{Names, Quantity, SPLIT_FOLDERS, agent_part, canonical, player};

/// Words that make of a name one of a part of what a run tells, and not of a run.
const PARTS_OF_A_RUN: [&str; 20] = [
    "dev",
    "held",
    "history",
    "curve",
    "curves",
    "raw",
    "smoothed",
    "metrics",
    "losses",
    "logs",
    "log",
    "epoch",
    "epochs",
    "step",
    "steps",
    "batch",
    "iter",
    "iteration",
    "phase",
    "stage",
];
/// Records with a loss that a run of its own has at least.
const LEAST_RECORDS: usize = 3;
/// Runs are looked for under so many names.
const DEPTH: usize = 3;

/// A run that shares a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What the document calls it.
    pub name: String,
    /// Where it stands there, as a JSON pointer: `/results/resnet`.
    pub place: String,
}

/// The runs that share a document, in their order: none where it is that of one run.
pub fn runs(content: &[u8], names: &Names) -> Vec<Run> {
    let Ok(document) = parse(content) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let all = Run {
        name: String::new(),
        place: String::new(),
    };
    look(&all, &document, names, DEPTH, &mut found);
    found.truncate(if found.len() > MOST_RUNS { 0 } else { MOST_RUNS });
    found
}

/// Looks for runs in what stands `above` them.
fn look(above: &Run, value: &Value, names: &Names, depth: usize, found: &mut Vec<Run>) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let curves: Vec<(&String, &Value, Vec<Quantity>)> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, value, losses(value, names)))
        .filter(|(_, _, losses)| !losses.is_empty())
        .take(MOST_RUNS + 1)
        .collect();
    // What measures another loss each is about one run.
    let measure_the_same = LOSSES
        .iter()
        .any(|loss| curves.iter().all(|(_, _, losses)| losses.contains(loss)));
    let name_runs = curves.iter().all(|(name, _, _)| may_name_a_run(name, names));
    if curves.len() > MOST_RUNS || !measure_the_same || !name_runs {
        return;
    }
    for (key, value, _) in &curves {
        let name = match above.name.as_str() {
            name if curves.len() == 1 => name.to_owned(),
            "" => (*key).clone(),
            name => format!("{name}/{key}"),
        };
        let place = format!("{}/{}", above.place, key.replace('~', "~0").replace('/', "~1"));
        let run = Run { name, place };
        let before = found.len();
        look(&run, value, names, depth, found);
        if found.len() == before && curves.len() > 1 {
            found.push(run);
        }
    }
}

const LOSSES: [Quantity; 2] = [Quantity::TrainLoss, Quantity::EvalLoss];

/// The losses that a run has told, when these are enough for one.
fn losses(value: &Value, names: &Names) -> Vec<Quantity> {
    if !value.is_object() && !value.is_array() {
        return Vec::new();
    }
    let mut decoded = Decoded::default();
    let mut decoder = JsonDocumentDecoder::new(names);
    // Values under one name may give way to those under a better one.
    decoder.value(value, &mut decoded);
    if decoded.remapped {
        decoded.clear();
        decoder.value(value, &mut decoded);
    }
    let rows = || decoded.records.rows().filter(|row| row.has_loss());
    let is_told = |loss: &Quantity| rows().any(|row| row.has(*loss));
    let are_enough = rows().count() >= LEAST_RECORDS;
    LOSSES
        .into_iter()
        .filter(|loss| are_enough && is_told(loss))
        .collect()
}

/// True for a name that says neither which data it is about, nor what is measured, nor when.
fn may_name_a_run(name: &str, names: &Names) -> bool {
    let of_a_part = |word: &str| SPLIT_FOLDERS.contains(&word) || PARTS_OF_A_RUN.contains(&word);
    let loss = format!("{name}/loss");
    let is_of_a_player = player(&loss).is_some() || agent_part(&loss).is_some();
    !canonical(name).split('_').any(of_a_part)
        && split_of(&[name]).is_none()
        && names.role_of(name).is_none()
        && number::of_name(name).is_none()
        && !is_of_a_player
}

/// Shows to `decoder` what stands at the `place` of one run in a document.
pub fn share(place: &str, decoder: Box<dyn DocumentDecoder>) -> Box<dyn DocumentDecoder> {
    Box::new(Share {
        place: place.to_owned(),
        decoder,
    })
}

struct Share {
    place: String,
    decoder: Box<dyn DocumentDecoder>,
}

impl DocumentDecoder for Share {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let document = parse(content)?;
        let own = document.pointer(&self.place);
        let own = own.ok_or_else(|| format!("{} is not in it any more", self.place))?;
        self.decoder.document(own.to_string().as_bytes(), out)
    }

    fn columns(&self) -> Vec<Column> {
        self.decoder.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json_document::JsonDocument;
    use crate::format::{Decoder, Format, Sample};

    /// The runs, with the last train loss of each.
    fn shares(document: &str) -> Vec<(String, f64)> {
        let (content, names) = (document.as_bytes(), Names::default());
        let last = |run: Run| {
            let Decoder::Document(decoder) = JsonDocument.decoder(&Sample::whole(content), &names) else {
                panic!("another kind of decoder");
            };
            let mut decoded = Decoded::default();
            share(&run.place, decoder)
                .document(content, &mut decoded)
                .unwrap();
            let losses = decoded
                .records
                .rows()
                .filter_map(|row| row.value(Quantity::TrainLoss));
            (run.name, losses.last().unwrap())
        };
        runs(content, &names).into_iter().map(last).collect()
    }

    #[test]
    fn each_run_has_what_stands_under_its_name() {
        let expected = [("resnet".to_owned(), 2.0), ("vgg".to_owned(), 3.0)];
        let columns = r#"{"resnet": {"train_loss": [2.5, 2.25, 2.0], "val_loss": [2.75, 2.5, 2.25]},
            "vgg": {"train_loss": [3.5, 3.25, 3.0], "val_loss": [NaN, 3.5, 3.25]}}"#;
        let rows = r#"{"config": {"lr": 0.1}, "results": {
            "resnet": [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 2.25}, {"epoch": 3, "loss": 2.0}],
            "vgg": {"best": 3.0, "history": {"epoch": [1, 2, 3], "loss": [3.5, 3.25, 3.0]}}}}"#;
        for document in [columns, rows] {
            assert_eq!(shares(document), expected);
        }
        let nested = format!(r#"{{"adam": {columns}, "sgd": {{"loss": [1.5, 1.25, 1.0]}}}}"#);
        let runs: Vec<String> = shares(&nested).into_iter().map(|(run, _)| run).collect();
        assert_eq!(runs, ["adam/resnet", "adam/vgg", "sgd"]);
        let slash = r#"{"lr/0.1": {"loss": [2.5, 2.25, 2.0]}, "lr~1": {"loss": [3.5, 3.25, 3.0]}}"#;
        let expected = [("lr/0.1".to_owned(), 2.0), ("lr~1".to_owned(), 3.0)];
        assert_eq!(shares(slash), expected);
    }

    #[test]
    fn parts_of_what_one_run_tells_are_no_runs() {
        for names in [
            ["train", "val"],
            ["train_metrics", "val_metrics"],
            ["epoch_1", "epoch_2"],
            ["per_step", "per_epoch"],
            ["generator", "discriminator"],
            ["history", "best_history"],
        ] {
            let part = |name: &str| format!(r#""{name}": {{"loss": [2.5, 2.25, 2.0]}}"#);
            let document = format!("{{{}}}", names.map(part).join(", "));
            assert!(
                runs(document.as_bytes(), &Names::default()).is_empty(),
                "{document}"
            );
        }
        let losses_apart = r#"{"results": [{"epoch": 1, "train_loss": 2.5}, {"epoch": 2, "train_loss": 2.25}, {"epoch": 3, "train_loss": 2.0}],
            "evals": [{"epoch": 1, "val_loss": 2.75}, {"epoch": 2, "val_loss": 2.5}, {"epoch": 3, "val_loss": 2.25}]}"#;
        let smoothed = r#"{"curves": {"train_loss": [2.5, 2.25, 2.0], "val_loss": [2.75, 2.5, 2.25]},
            "smoothed": {"train_loss": [2.5, 2.4, 2.2]}}"#;
        for document in [losses_apart, smoothed] {
            assert_eq!(runs(document.as_bytes(), &Names::default()), []);
        }
        let one = r#"{"resnet": {"loss": [2.5, 2.25, 2.0]}, "vgg": {"loss": 3.0}}"#;
        assert!(runs(one.as_bytes(), &Names::default()).is_empty());
    }
    #[test]
    fn more_runs_than_anyone_would_look_at_are_none() {
        let document = |count: usize| {
            let run = |run: usize| format!("\"model{run}\": {{\"loss\": [2.5, 2.25, {run}]}}");
            format!("{{{}}}", (0..count).map(run).collect::<Vec<_>>().join(", "))
        };
        let (most, more) = (document(MOST_RUNS), document(MOST_RUNS + 1));
        assert_eq!(shares(&most).len(), MOST_RUNS);
        assert_eq!(shares(&more).len(), 0);
    }
}
