//! A JSON document in which each of several runs has what it tells under its name:
//! `{"resnet": {"train_loss": [2.5, 2.25]}, "vgg": {"train_loss": [3.5, 3.25]}}`.

use serde_json::Value;

use super::json_document::{JsonDocumentDecoder, number_of, parse};
use super::records::Decoded;
use super::{Column, DocumentDecoder};
use crate::metric::{Names, SPLIT_FOLDERS, agent_part, canonical, player};

/// Words that make of a name one of a part of what a run tells, and not of a run.
const PARTS_OF_A_RUN: [&str; 16] = [
    "dev",
    "held",
    "history",
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

/// The runs that share a document, in their order: none where it is that of one run.
pub fn runs(content: &[u8], names: &Names) -> Vec<String> {
    let Ok(document) = parse(content) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    look("", &document, names, DEPTH, &mut found);
    found.into_iter().map(|(run, _)| run).collect()
}

/// Looks for runs in what stands under a `name`.
fn look<'a>(name: &str, value: &'a Value, names: &Names, depth: usize, found: &mut Vec<(String, &'a Value)>) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let curves: Vec<(&String, &Value)> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| tells_of_a_run(value, names))
        .collect();
    if !curves.iter().all(|(name, _)| may_name_a_run(name, names)) {
        return;
    }
    for (key, value) in &curves {
        let name = match name {
            _ if curves.len() == 1 => name.to_owned(),
            "" => (*key).clone(),
            name => format!("{name}/{key}"),
        };
        let before = found.len();
        look(&name, value, names, depth, found);
        if found.len() == before && curves.len() > 1 {
            found.push((name, value));
        }
    }
}

fn tells_of_a_run(value: &Value, names: &Names) -> bool {
    let mut decoded = Decoded::default();
    let mut decoder = JsonDocumentDecoder::new(names);
    // Values under one name may give way to those under a better one.
    decoder.value(value, &mut decoded);
    if decoded.remapped {
        decoded.clear();
        decoder.value(value, &mut decoded);
    }
    decoded.records.rows().filter(|row| row.has_loss()).count() >= LEAST_RECORDS
}

/// True for a name that says neither which data it is about, nor what is measured, nor when.
fn may_name_a_run(name: &str, names: &Names) -> bool {
    let of_a_part = |word: &str| SPLIT_FOLDERS.contains(&word) || PARTS_OF_A_RUN.contains(&word);
    let loss = format!("{name}/loss");
    let is_of_a_player = player(&loss).is_some() || agent_part(&loss).is_some();
    !canonical(name).split('_').any(of_a_part)
        && names.role_of(name).is_none()
        && number_of(name).is_none()
        && !is_of_a_player
}

/// Shows to `decoder` what one run has of a document.
pub fn share(run: &str, names: &Names, decoder: Box<dyn DocumentDecoder>) -> Box<dyn DocumentDecoder> {
    Box::new(Share {
        run: run.to_owned(),
        names: names.clone(),
        decoder,
    })
}

struct Share {
    run: String,
    names: Names,
    decoder: Box<dyn DocumentDecoder>,
}

impl DocumentDecoder for Share {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let document = parse(content)?;
        let mut found = Vec::new();
        look("", &document, &self.names, DEPTH, &mut found);
        let own = found.into_iter().find(|(run, _)| *run == self.run);
        let (_, own) = own.ok_or_else(|| format!("{} is not in it any more", self.run))?;
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
    use crate::metric::Quantity;

    /// The runs, with the last train loss of each.
    fn shares(document: &str) -> Vec<(String, f64)> {
        let (content, names) = (document.as_bytes(), Names::default());
        let last = |run: String| {
            let Decoder::Document(decoder) = JsonDocument.decoder(&Sample::whole(content), &names) else {
                panic!("another kind of decoder");
            };
            let mut decoded = Decoded::default();
            share(&run, &names, decoder)
                .document(content, &mut decoded)
                .unwrap();
            let losses = decoded
                .records
                .rows()
                .filter_map(|row| row.value(Quantity::TrainLoss));
            (run, losses.last().unwrap())
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
        let one = r#"{"resnet": {"loss": [2.5, 2.25, 2.0]}, "vgg": {"loss": 3.0}}"#;
        assert!(runs(one.as_bytes(), &Names::default()).is_empty());
    }
}
