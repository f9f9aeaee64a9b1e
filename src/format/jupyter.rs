//! Jupyter notebooks: the outputs of their cells, as the text that a terminal would show.
//!
//! A notebook is a JSON document (nbformat 4). What its cells printed is read as any other
//! log; the table that a trainer draws in HTML (Hugging Face, fastai) becomes lines with
//! tabs between their cells. The source code of the cells is no log, but states the plan.

use std::fmt;

use html5gum::{Token, Tokenizer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::hints::Fact;
use super::passes::Passes;
use super::records::{Decoded, How};
use super::{Claim, Column, Decoder, DocumentDecoder, FORMATS, Format, LineDecoder, Sample, detect};
use crate::metric::Names;

/// The format.
pub struct Jupyter;

impl Format for Jupyter {
    fn name(&self) -> &'static str {
        "jupyter"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        if !begins(sample.head) {
            return None;
        }
        let (gathered, _) = gather(sample.head); // It may be cut off.
        let (_, claim) = inner(&Sample::of(gathered.shown.as_bytes()), names)?;
        Some(Claim {
            certain: true,
            ..claim
        })
    }

    fn decoder(&self, _sample: &Sample, names: &Names) -> Decoder {
        Decoder::Document(Box::new(JupyterDecoder {
            names: names.clone(),
            columns: Vec::new(),
        }))
    }
}

/// True for the beginning of a notebook.
pub fn begins(head: &[u8]) -> bool {
    let Some(inside) = head.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    let inside = inside.trim_ascii_start();
    let has = |mark: &[u8]| memchr::memmem::find(head, mark).is_some();
    // In Colab's order what the widgets show stands before the cells.
    inside.starts_with(b"\"nbformat\"")
        || has(b"\"cells\"") && (has(b"\"cell_type\"") || has(b"\"nbformat\""))
}

/// What the cells of a notebook hold.
#[derive(Default)]
struct Gathered {
    /// Their outputs.
    shown: String,
    /// Where in them a further training may begin: at a cell, and at a table.
    starts: Vec<usize>,
    /// The cells that show something.
    cells: Vec<Cell>,
    /// When the cell at hand was run.
    run: Option<u64>,
    /// An error has ended it.
    failed: bool,
    /// Source code and prose.
    source: String,
}

/// A cell that shows something.
struct Cell {
    /// Where it ends.
    end: usize,
    /// When it was run, in order; `None` while it runs.
    run: Option<u64>,
    /// An error has ended it.
    failed: bool,
}

impl Gathered {
    /// True when a cell was run to its end after the one that shows what stands at `at`.
    fn is_done(&self, at: usize) -> bool {
        let shows = self.cells.iter().find(|cell| at < cell.end);
        let run = shows.filter(|cell| !cell.failed).and_then(|cell| cell.run);
        run.is_some() && self.cells.iter().any(|cell| cell.run > run)
    }
}

/// Gathers what the cells hold: up to the error, where there is one.
fn gather(content: &[u8]) -> (Gathered, Result<(), serde_json::Error>) {
    let mut gathered = Gathered::default();
    let walk = Walk {
        part: Part::Notebook,
        output: &mut Output::default(),
        gathered: &mut gathered,
    };
    let mut json = serde_json::Deserializer::from_slice(content);
    let outcome = walk.deserialize(&mut json);
    (gathered, outcome)
}

/// The format of what is shown. Tables are those of trainers, if they can be: another reader
/// may take the tables of several trainings for one.
fn inner(shown: &Sample, names: &Names) -> Option<(&'static dyn Format, Claim)> {
    let best = detect(shown, names);
    let tables = FORMATS.iter().find(|format| format.name() == "notebook");
    let tables = tables.and_then(|format| Some((*format, format.claim(shown, names)?)));
    let records = |found: &Option<(&dyn Format, Claim)>| found.map_or(0, |(_, claim)| claim.records);
    if records(&tables) >= records(&best).max(1) {
        tables
    } else {
        best
    }
}

struct JupyterDecoder {
    names: Names,
    columns: Vec<Column>,
}

impl DocumentDecoder for JupyterDecoder {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let (gathered, outcome) = gather(content);
        outcome.map_err(|error| error.to_string())?;
        let sample = Sample::of(gathered.shown.as_bytes());
        let Some((format, _)) = inner(&sample, &self.names) else {
            return Ok(()); // The outputs were cleared.
        };
        let Decoder::Lines(mut decoder) = format.decoder(&sample, &self.names) else {
            return Ok(());
        };
        read_lines(decoder.as_mut(), &gathered, out);
        // Here, because its decoder, which has learnt the names, is not kept.
        let mut passes = Passes::default();
        while passes.again(out.remapped) {
            out.clear();
            decoder.start_over();
            read_lines(decoder.as_mut(), &gathered, out);
        }
        for line in gathered.source.lines() {
            let code = line.split('#').next().unwrap_or_default();
            out.hints.scan(code.trim().trim_end_matches(','));
        }
        // `TrainingArguments.lr_scheduler_type` of Hugging Face's transformers.
        if gathered.shown.contains("Training Loss\t") || gathered.shown.contains("Training Loss\n") {
            out.hints
                .assume(Fact::Scheduler, "the default of Hugging Face's trainer", "linear");
        }
        self.columns = decoder.columns();
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        self.columns.clone()
    }
}

fn read_lines(decoder: &mut dyn LineDecoder, gathered: &Gathered, out: &mut Decoded) {
    let mut starts = gathered.starts.iter().copied().peekable();
    let (mut at, mut last) = (0, None);
    for line in gathered.shown.split_inclusive('\n') {
        let before = out.records.len();
        if starts.next_if(|start| *start <= at).is_some() {
            out.trainings.push(before);
        }
        out.lines += 1;
        decoder.line(out.lines, line.trim_end_matches(['\n', '\r']).as_bytes(), out);
        if out.records.len() > before {
            last = Some(at);
        }
        at += line.len();
    }
    decoder.finish(out);
    if last.is_some_and(|at| gathered.is_done(at)) {
        out.end(None, How::Finished);
    }
}

/// What a part of the document is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Notebook,
    Cells,
    Outputs,
    /// The forms of a result.
    Data,
    Plain,
    Html,
    /// The kind of error that ended a cell.
    Error,
    Source,
    Run,
}

impl Part {
    /// What an entry of an object of this part is; `None` when it does not matter.
    fn entry(self, name: &str) -> Option<Part> {
        match (self, name) {
            (Part::Notebook, "cells") => Some(Part::Cells),
            (Part::Cells, "outputs") => Some(Part::Outputs),
            (Part::Cells, "source") => Some(Part::Source),
            (Part::Outputs, "data") => Some(Part::Data),
            (Part::Cells, "execution_count") => Some(Part::Run),
            (Part::Outputs, "text" | "evalue") | (Part::Data, "text/plain") => Some(Part::Plain),
            (Part::Outputs, "ename") => Some(Part::Error),
            (Part::Data, "text/html") => Some(Part::Html),
            _ => None,
        }
    }
}

/// The forms that one output comes in.
#[derive(Default)]
struct Output {
    plain: String,
    html: String,
}

impl Output {
    /// Appends the richest form that holds rows.
    fn show(&self, gathered: &mut Gathered) {
        let shown = &mut gathered.shown;
        let has_table = self.html.contains("<table");
        if has_table {
            gathered.starts.push(shown.len());
        }
        if has_table || self.plain.is_empty() {
            html_text(&self.html, shown);
        } else {
            shown.push_str(&self.plain);
        }
        if !shown.is_empty() && !shown.ends_with(['\n', '\r']) {
            shown.push('\n');
        }
    }
}

/// Walks through the document and gathers what is shown, also of one that is cut off.
struct Walk<'a> {
    part: Part,
    output: &'a mut Output,
    gathered: &'a mut Gathered,
}

impl Walk<'_> {
    fn at(&mut self, part: Part) -> Walk<'_> {
        Walk {
            part,
            output: self.output,
            gathered: self.gathered,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a notebook")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let part = self.part;
        let start = self.gathered.shown.len();
        match part {
            Part::Outputs => *self.output = Output::default(),
            Part::Cells => {
                (self.gathered.run, self.gathered.failed) = (None, false);
                self.gathered.starts.push(start);
            }
            _ => {}
        }
        let mut walk = || {
            while let Some(name) = entries.next_key::<String>()? {
                match part.entry(&name) {
                    Some(inner) => entries.next_value_seed(self.at(inner))?,
                    None => drop(entries.next_value::<IgnoredAny>()?),
                }
            }
            Ok(())
        };
        let outcome = walk();
        match part {
            Part::Outputs => self.output.show(self.gathered),
            Part::Cells => {
                self.gathered.source.push('\n');
                let (end, run, failed) = (self.gathered.shown.len(), self.gathered.run, self.gathered.failed);
                if end > start {
                    self.gathered.cells.push(Cell { end, run, failed });
                }
            }
            _ => {}
        }
        outcome
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let part = self.part;
        while elements.next_element_seed(self.at(part))?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.part {
            Part::Plain => self.output.plain.push_str(text),
            Part::Html => self.output.html.push_str(text),
            Part::Error => {
                self.output.plain.push_str(text);
                self.output.plain.push_str(": ");
                self.gathered.failed = true;
            }
            Part::Source => self.gathered.source.push_str(text),
            _ => {}
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        if self.part == Part::Run {
            self.gathered.run = Some(number);
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Appends the text of HTML: the rows of a table as lines, tabs between the cells of one.
fn html_text(html: &str, shown: &mut String) {
    let mut quiet = false;
    let mut in_row = false;
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => match &tag.name[..] {
                b"style" | b"script" => quiet = true,
                b"tr" => {
                    shown.push('\n');
                    in_row = true;
                }
                _ => {}
            },
            Token::EndTag(tag) => match &tag.name[..] {
                b"style" | b"script" => quiet = false,
                b"th" | b"td" => shown.push('\t'),
                b"tr" => {
                    in_row = false;
                    shown.push('\n');
                }
                b"div" | b"p" | b"table" => shown.push('\n'),
                _ => {}
            },
            // Blanks between the cells of a row are the layout of the source.
            Token::String(text) if !quiet => {
                let text = String::from_utf8_lossy(&text);
                shown.push_str(if in_row { text.trim() } else { &text });
            }
            _ => {}
        }
    }
    shown.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{read_all, refuse};
    use crate::metric::Quantity;

    fn notebook(outputs: &str) -> String {
        let source = r#"["args = TrainingArguments(\n", "    max_steps = 60,\n", "    # warmup_steps = 7\n",
            "    lr_scheduler_type = \"cosine\")\n", "print(f'step {step} loss: {loss:.4f}')"]"#;
        format!(
            r#"{{"nbformat": 4, "metadata": {{"kernelspec": null}}, "cells": [
            {{"cell_type": "markdown", "source": "loss: 1.0 at step 1"}},
            {{"cell_type": "code", "execution_count": 1, "source": {source}, "outputs": {outputs}}}]}}"#
        )
    }

    const TABLE: &str = r#"[
        {"output_type": "stream", "name": "stderr", "text": ["\u001b[1mUnsloth\u001b[0m: Loss: 3.0\n", "Step 5"]},
        {"output_type": "display_data", "metadata": {}, "data": {
          "text/plain": ["<IPython.core.display.HTML object>"],
          "text/html": ["\n    <div>\n      <style>td { loss: 1 }</style>\n      [60/60 40:27, Epoch 0/1]\n    </div>\n",
            "<table border=\"1\" class=\"dataframe\">\n  <thead>\n <tr style=\"text-align: left;\">\n      <th>Step</th>\n",
            "      <th>Training Loss</th>\n    </tr>\n  </thead>\n  <tbody>\n    <tr>\n      <td>1</td>\n      <td>2.129590</td>\n",
            "    </tr>\n    <tr>\n      <td>2</td>\n      <td>0.628091</td>\n    </tr>\n  </tbody>\n</table><p>"],
          "image/png": "iVBORw0KGgo="}}]"#;

    #[test]
    fn the_table_of_a_trainer_and_the_plan_in_the_code() {
        let read = read_all(notebook(TABLE).as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("jupyter", &[1, 2][..]));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(0.628091));
        assert_eq!(read.decoded.total_steps, Some(60));
        assert_eq!(read.decoded.hints.scheduler(), Some("cosine"));
        assert!(
            read.decoded
                .hints
                .count(crate::format::hints::Fact::WarmUpSteps)
                .is_none()
        );
    }

    #[test]
    fn what_the_code_leaves_open_is_the_default_of_the_trainer() {
        let open = notebook(TABLE).replace("lr_scheduler_type", "name");
        let read = read_all(open.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.hints.scheduler(), Some("linear"));
    }

    #[test]
    fn what_a_cell_printed_is_read_as_any_log() {
        let printed = r#"[{"output_type": "stream", "name": "stdout", "text": "iter 0: loss 4.2, time 7ms\niter 10: loss 3.1, time 7ms\n"}]"#;
        let read = read_all(notebook(printed).as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [0, 10]);
    }

    #[test]
    fn a_cell_that_was_interrupted_is_not_done() {
        let printed = r#"[{"output_type": "stream", "name": "stdout", "text": "iter 0: loss 4.2, time 7ms\niter 10: loss 3.1, time 7ms\n"},
            {"output_type": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": []}]"#;
        let cut = notebook(printed);
        let end = cut.rfind(']').unwrap_or_default();
        let later = r#", {"cell_type": "code", "execution_count": 2, "source": "", "outputs": [{"output_type": "stream", "text": "saved"}]}]}"#;
        for content in [cut.clone(), cut[..end].to_owned() + later] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let endings: Vec<How> = read.decoded.endings.iter().map(|ending| ending.how).collect();
            assert_eq!(endings, [How::Perhaps("it was interrupted")]);
        }
    }

    #[test]
    fn what_was_learnt_in_one_pass_settles_the_next() {
        let twice = "iteration 80/100, Loss: 6.000\niteration 100/100, Loss: 5.000\n".repeat(2);
        let text = format!("{twice}Epoch 1/10, Avg Loss: 5.0\n");
        let printed = format!(r#"[{{"output_type": "stream", "name": "stdout", "text": {text:?}}}]"#);
        let steps = |content: &str| {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            read.decoded.records.steps().to_vec()
        };
        assert_eq!(steps(&notebook(&printed)), steps(&text));
    }

    #[test]
    fn source_code_alone_is_no_log() {
        assert!(read_all(notebook("[]").as_bytes(), &Names::default()).is_err());
    }

    #[test]
    fn a_sample_that_is_cut_off_shows_what_it_holds() {
        let whole = notebook(TABLE);
        let at = whole.find("      <td>0.628091</td>").unwrap_or_default();
        assert!(refuse(whole.as_bytes()).is_none());
        let cut = Sample::whole(&whole.as_bytes()[..at]);
        assert!(
            Jupyter
                .claim(&cut, &Names::default())
                .is_some_and(|claim| claim.records == 1)
        );
    }
}
