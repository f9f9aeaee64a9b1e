//! Jupyter notebooks: the outputs of their cells, as the text that a terminal would show.
//!
//! A notebook is a JSON document (nbformat 4). What its cells printed is read as any other
//! log; the table that a trainer draws in HTML (Hugging Face, fastai) becomes lines with
//! tabs between their cells. The source code of the cells is no log, but states the plan.

use std::fmt;

use html5gum::{Token, Tokenizer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::records::Decoded;
use super::{Claim, Column, Decoder, DocumentDecoder, Format, LineDecoder, Sample, detect};
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
        let shown = shown_in(sample);
        let (_, claim) = detect(&Sample::of(shown.as_bytes()), names)?;
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
    head.trim_ascii_start().starts_with(b"{")
        && memchr::memmem::find(head, b"\"cells\"").is_some()
        && [&b"\"cell_type\""[..], b"\"nbformat\""]
            .iter()
            .any(|mark| memchr::memmem::find(head, mark).is_some())
}

/// What the cells show that lie in the sample.
fn shown_in(sample: &Sample) -> String {
    const OUTPUTS: &[u8] = b"\"outputs\":";
    let mut gathered = Gathered::default();
    let _ = gather(sample.head, Part::Notebook, &mut gathered); // It may be cut off.
    for at in memchr::memmem::find_iter(sample.tail, OUTPUTS) {
        let rest = sample.tail.get(at + OUTPUTS.len()..).unwrap_or_default();
        let _ = gather(rest, Part::Outputs, &mut gathered); // Behind it the document goes on.
    }
    gathered.shown
}

/// What the cells of a notebook hold.
#[derive(Default)]
struct Gathered {
    /// Their outputs.
    shown: String,
    /// Their source code and prose.
    source: String,
}

/// Gathers what the cells of this part of a document hold: up to the error, where there is one.
fn gather(content: &[u8], part: Part, gathered: &mut Gathered) -> Result<(), serde_json::Error> {
    let mut output = Output::default();
    let mut json = serde_json::Deserializer::from_slice(content);
    Walk {
        part,
        output: &mut output,
        gathered,
    }
    .deserialize(&mut json)
}

struct JupyterDecoder {
    names: Names,
    columns: Vec<Column>,
}

impl DocumentDecoder for JupyterDecoder {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let mut gathered = Gathered::default();
        gather(content, Part::Notebook, &mut gathered).map_err(|error| error.to_string())?;
        let Gathered { shown, source } = gathered;
        let sample = Sample::of(shown.as_bytes());
        let Some((format, _)) = detect(&sample, &self.names) else {
            return Ok(()); // The outputs were cleared.
        };
        let Decoder::Lines(mut decoder) = format.decoder(&sample, &self.names) else {
            return Ok(());
        };
        read_lines(decoder.as_mut(), &shown, out);
        if out.remapped {
            out.clear();
            read_lines(decoder.as_mut(), &shown, out);
        }
        for line in source.lines() {
            let code = line.split('#').next().unwrap_or_default();
            out.hints.scan(code.trim().trim_end_matches(','));
        }
        self.columns = decoder.columns();
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        self.columns.clone()
    }
}

fn read_lines(decoder: &mut dyn LineDecoder, text: &str, out: &mut Decoded) {
    for line in text.lines() {
        out.lines += 1;
        decoder.line(out.lines, line.as_bytes(), out);
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
    Source,
}

impl Part {
    /// What an entry of an object of this part is; `None` when it does not matter.
    fn entry(self, name: &str) -> Option<Part> {
        match (self, name) {
            (Part::Notebook, "cells") => Some(Part::Cells),
            (Part::Cells, "outputs") => Some(Part::Outputs),
            (Part::Cells, "source") => Some(Part::Source),
            (Part::Outputs, "data") => Some(Part::Data),
            (Part::Outputs, "text") | (Part::Data, "text/plain") => Some(Part::Plain),
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
    fn show(&self, shown: &mut String) {
        if self.html.contains("<table") || self.plain.is_empty() {
            html_text(&self.html, shown);
        } else {
            shown.push_str(&self.plain);
        }
        // Streams are printed in pieces, which need not end with a line.
        if !self.html.is_empty() {
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
        if part == Part::Outputs {
            *self.output = Output::default();
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
            Part::Outputs => self.output.show(&mut self.gathered.shown),
            Part::Cells => self.gathered.source.push('\n'),
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
            Part::Source => self.gathered.source.push_str(text),
            _ => {}
        }
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
    fn what_a_cell_printed_is_read_as_any_log() {
        let printed = r#"[{"output_type": "stream", "name": "stdout", "text": "iter 0: loss 4.2, time 7ms\niter 10: loss 3.1, time 7ms\n"}]"#;
        let read = read_all(notebook(printed).as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [0, 10]);
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
        let tail = Sample {
            head: &whole.as_bytes()[..120],
            tail: &whole.as_bytes()[200..],
        };
        assert!(
            Jupyter
                .claim(&tail, &Names::default())
                .is_some_and(|claim| claim.records == 2)
        );
    }
}
