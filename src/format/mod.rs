//! Log formats: how bytes become records.
//!
//! A format knows one way of writing metrics. It recognises its own files from
//! their content, never from their name, and decodes them. It does no I/O and
//! keeps no clock: the `source` module gives it bytes in order.
//!
//! To add a format, write one file with a [`Format`] and add one line to
//! [`FORMATS`].

mod block_log;
pub mod counters;
mod data_words;
pub mod delimited;
pub mod dvclive;
pub mod encoding;
pub mod exported_scalar;
pub mod hints;
pub mod json_document;
mod json_layout;
pub mod json_lines;
pub mod jupyter;
pub mod long_form;
pub mod mlflow;
pub mod mllog;
pub mod number;
mod plain_number;
mod printed_history;
mod python_literal;
pub mod records;
mod repeats;
pub mod roles;
pub mod running_time;
pub mod shared_document;
pub mod shared_table;
pub mod sidecar;
pub mod stand_in;
pub mod swanlab;
pub mod tensorboard;
pub mod text;
pub mod trackio;
pub mod trainer_state;
pub mod user;
pub mod wandb;

use std::borrow::Cow;

use crate::metric::{Names, Quantity, Role};
pub use records::{BadLine, Decoded, Records};
use text::TextFormat;
use text::dialect::{self, DialectGrammar};
use text::epochs::{self, EpochGrammar};

/// The parts of a file that recognition looks at.
///
/// A log may begin with thousands of lines of source code or banners, so the
/// end of the file counts as much as its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The first bytes, at most [`SAMPLE_BYTES`].
    pub head: &'a [u8],
    /// The last bytes, at most [`SAMPLE_BYTES`]; empty when `head` is the whole file.
    pub tail: &'a [u8],
}

/// How much of each end of a file is looked at.
pub const SAMPLE_BYTES: usize = 256 * 1024;

impl<'a> Sample<'a> {
    /// A file that is small enough to be seen whole.
    pub fn whole(content: &'a [u8]) -> Self {
        Sample {
            head: content,
            tail: &[],
        }
    }

    /// The ends of a file that is at hand; all of a notebook, whose pictures may lie anywhere.
    pub fn of(content: &'a [u8]) -> Self {
        if jupyter::begins(content) {
            return Sample::whole(content);
        }
        let head = content.get(..SAMPLE_BYTES).unwrap_or(content);
        let tail_from = content.len().saturating_sub(SAMPLE_BYTES).max(head.len());
        Sample {
            head,
            tail: content.get(tail_from..).unwrap_or_default(),
        }
    }

    /// A small part of the beginning: enough where every line is alike.
    pub fn beginning(&self) -> Sample<'a> {
        const ENOUGH: usize = 32 * 1024;
        let cut = self
            .head
            .get(..ENOUGH)
            .and_then(|head| memchr::memrchr(b'\n', head));
        match cut {
            Some(end) => Sample::whole(self.head.get(..end).unwrap_or_default()),
            None => *self,
        }
    }

    /// The first and the last part of the sample, or `None` when it is hardly larger.
    fn outskirts(&self) -> Option<Sample<'a>> {
        const EACH: usize = 32 * 1024;
        let (head, tail) = (self.head.get(..EACH)?, self.tail);
        let tail = tail.len().checked_sub(EACH).and_then(|start| tail.get(start..))?;
        Some(Sample { head, tail })
    }

    /// The complete lines of both ends. The torn lines at the cuts are left out, but for the
    /// complete redraws of a progress bar in them: it may be a single line of a megabyte.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let head = match memchr::memrchr2(b'\n', b'\r', self.head) {
            Some(end) if !self.tail.is_empty() => self.head.get(..end).unwrap_or_default(),
            _ => self.head,
        };
        let tail = match memchr::memchr2(b'\n', b'\r', self.tail) {
            Some(start) => self.tail.get(start + 1..).unwrap_or_default(),
            None => &[],
        };
        head.split(|byte| *byte == b'\n')
            .chain(tail.split(|byte| *byte == b'\n'))
    }
}

/// How sure a format is that a file is its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Claim {
    /// Lines (or rows) of the sample that this format reads as records with a step and a loss.
    pub records: usize,
    /// A magic word or key proves it, however few records there are yet.
    pub certain: bool,
    /// What a fallback takes for the loss has a name of the log's own, and nothing is held out, or
    /// all is: another may read what is known to be the train loss.
    pub private: bool,
}

/// When a format is asked what it makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    /// Always: it knows one client's files.
    Specific,
    /// When no specific format has found more than a record: it reads a little of everything.
    Fallback,
    /// When no other format has found anything.
    LastResort,
}

/// One way of writing a log.
pub trait Format: Sync {
    /// Stable identifier, as in JSON output: `jsonl`, `llm.c`, `trainer_state`.
    fn name(&self) -> &'static str;

    /// When it is asked.
    fn precedence(&self) -> Precedence {
        Precedence::Specific
    }

    /// Looks at a sample; `None` when it cannot be this format.
    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim>;

    /// A decoder for a file that starts with this sample.
    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder;
}

/// A format's decoder, by the way its file grows.
pub enum Decoder {
    /// The file grows by lines.
    Lines(Box<dyn LineDecoder>),
    /// The file is one document, rewritten as a whole.
    Document(Box<dyn DocumentDecoder>),
    /// The file grows by binary records that say how long they are.
    Frames(Box<dyn FrameDecoder>),
}

/// Decodes a file that grows by lines.
pub trait LineDecoder: Send {
    /// Decodes one complete line, given without its line feed. `number` counts from 1.
    ///
    /// Implementations count the line in `out` as ignored or skipped, or push its
    /// records; `out.lines` is counted by the caller.
    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded);

    /// No more comes for now: what was held back, in case more of it came, is handed over. Should more
    /// come after all, it is told apart.
    fn finish(&mut self, _out: &mut Decoded) {}

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;

    /// The file is read again from its start: what was learnt about its names holds, where it
    /// was in the file does not.
    fn start_over(&mut self);

    /// Whether lines may be read through layouts learnt from others. They change nothing
    /// but the speed, which is what the tests ask.
    fn use_layouts(&mut self, _wanted: bool) {}
}

/// Decodes a file that is one document.
pub trait DocumentDecoder: Send {
    /// Decodes the whole document, or says why it cannot. A document caught while
    /// its writer rewrites it fails here and is tried again later.
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String>;

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;
}

/// Decodes a file that grows by binary records.
pub trait FrameDecoder: Send {
    /// Decodes the whole records at the start of `bytes`, which continue where the last
    /// call stopped to consume, and counts them as lines.
    fn frames(&mut self, bytes: &[u8], out: &mut Decoded) -> Progress;

    /// Hands over the record that the log ends with. Until then more of it may come: clients write
    /// the values of a step one by one.
    fn finish(&mut self, _out: &mut Decoded) {}

    /// The next bytes will be those at the start of the file. Names stay learnt.
    fn start_over(&mut self);

    /// Says in which folder the file is, where that matters to what its names mean.
    fn within(&mut self, _folder: &str) {}

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;
}

/// How far a [`FrameDecoder`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are done with.
    pub consumed: usize,
    /// Why the bytes that follow cannot be read, when they are damaged rather than
    /// incomplete.
    pub damage: Option<&'static str>,
}

/// A name found in a log and what it was taken for.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name as logged.
    pub name: String,
    /// Its role, or `None` when it is not used.
    pub role: Option<Role>,
}

/// All formats, the most specific first: on equal claims the earlier one wins.
pub const FORMATS: &[&dyn Format] = &[
    &tensorboard::TensorBoard,
    &wandb::Wandb,
    &swanlab::SwanLab,
    &jupyter::Jupyter,
    &mllog::Mllog,
    &trainer_state::TrainerState,
    &json_lines::JsonLines,
    &json_document::JsonDocument,
    // Before tables: it knows what the header of one of its files leaves out.
    &TextFormat::specific("deepxde", &[], |sample| {
        Box::new(text::deepxde::DeepXde::new(sample))
    })
    .with_one_of(text::deepxde::HEADERS),
    &delimited::Delimited,
    &long_form::LongForm,
    &TextFormat::specific("nemo", &["reduced_train_loss"], |_| {
        Box::new(DialectGrammar::new(&dialect::NEMO))
    }),
    &TextFormat::specific("nanotron", &["consumed_tokens:"], |_| {
        Box::new(DialectGrammar::new(&dialect::NANOTRON))
    }),
    &TextFormat::specific("megatron", &["iteration", "|"], |_| {
        Box::new(text::megatron::Megatron)
    }),
    &TextFormat::specific("torchtitan", &["step:", "loss:"], |_| {
        Box::<text::torchtitan::Torchtitan>::default()
    }),
    &TextFormat::specific("nanochat", &["tep ", " | "], |_| {
        Box::<text::nanochat::Nanochat>::default()
    }),
    &TextFormat::specific("modded-nanogpt", &["step:", "/"], |_| {
        Box::new(text::modded_nanogpt::ModdedNanogpt)
    }),
    &TextFormat::specific("llm.c", &[], |_| Box::<text::llmc::Llmc>::default()),
    &TextFormat::specific("huggingface", &["loss'"], |sample| {
        Box::new(text::huggingface::HuggingFace::new(sample))
    }),
    &TextFormat::specific("fairseq", &["epoch", "loss"], |_| {
        Box::<text::fairseq::Fairseq>::default()
    }),
    &TextFormat::specific("olmo", &["[step="], |_| Box::<text::blocks::Olmo>::default()),
    &TextFormat::specific("composer", &["]:"], |_| Box::<text::blocks::Composer>::default())
        .with_one_of(&["batch=", "token=", "sample="]),
    &TextFormat::specific("clu", &["logging_writer.py:"], |_| Box::new(text::small::Clu)),
    &TextFormat::specific("xlm", &[" sent/s -", " words/s -"], |_| {
        Box::new(text::small::Xlm)
    }),
    &TextFormat::specific("sockeye", &["sockeye.training] "], |_| {
        Box::new(text::small::Sockeye)
    }),
    &TextFormat::specific("tinygrad", &["s run, ", " loss, "], |_| {
        Box::new(text::small::Tinygrad)
    }),
    &TextFormat::specific("litgpt", &["iter "], |_| {
        Box::new(DialectGrammar::new(&dialect::LITGPT))
    }),
    &TextFormat::specific("maxtext", &["completed step:"], |_| {
        Box::new(DialectGrammar::new(&dialect::MAXTEXT))
    }),
    &TextFormat::specific("lingua", &["acc:", "grad:", "flops:"], |_| {
        Box::new(DialectGrammar::new(&dialect::LINGUA))
    }),
    &TextFormat::specific("torchtune", &["Step ", " | loss:"], |_| {
        Box::new(DialectGrammar::new(&dialect::TORCHTUNE))
    }),
    &TextFormat::specific("mlx-lm", &["Iter ", ": "], |_| {
        Box::new(DialectGrammar::new(&dialect::MLX))
    }),
    &TextFormat::specific("paddlenlp", &["learning_rate: ", "global_step: "], |_| {
        Box::new(DialectGrammar::new(&dialect::PADDLE))
    }),
    &TextFormat::specific("deepspeed", &["steps:", "iter time (s):"], |_| {
        Box::new(DialectGrammar::new(&dialect::DEEPSPEED))
    }),
    &TextFormat::specific("opennmt", &["xent:"], |_| {
        Box::new(DialectGrammar::new(&dialect::OPENNMT))
    }),
    &TextFormat::specific("marian", &["Ep. ", "Up. "], |_| {
        Box::new(DialectGrammar::new(&dialect::MARIAN))
    }),
    &TextFormat::specific("mistral-finetune", &["done (%): "], |_| {
        Box::new(DialectGrammar::new(&dialect::MISTRAL))
    }),
    &TextFormat::specific("verl", &["actor/", "step:"], |_| {
        Box::new(DialectGrammar::new(&dialect::VERL))
    }),
    &TextFormat::specific("nanogpt", &["iter ", "loss "], |_| {
        Box::<text::nanogpt::Nanogpt>::default()
    })
    // Scripts of one's own print such lines too, without the time, and below epochs.
    .with_one_of(&[", time ", ": train loss "]),
    &TextFormat::specific("build-nanogpt", &[], |_| {
        Box::<text::build_nanogpt::BuildNanogpt>::default()
    }),
    &TextFormat::specific("llama2.c", &[" | loss ", " | lr "], |_| {
        Box::new(text::small::Llama2c)
    }),
    &TextFormat::specific("minimind", &["Epoch:["], |sample| {
        Box::new(EpochGrammar::new(&epochs::MINIMIND, sample))
    }),
    &TextFormat::specific("mmengine", &[" - "], |sample| {
        Box::new(EpochGrammar::new(&epochs::MMENGINE, sample))
    }),
    &TextFormat::specific("detectron2", &["  total_loss: "], |_| {
        Box::new(DialectGrammar::new(&dialect::DETECTRON2))
    }),
    &TextFormat::specific("timm", &["Train: "], |sample| {
        Box::new(EpochGrammar::new(&epochs::TIMM, sample))
    }),
    &TextFormat::specific("openpcdet", &["Train: ", "["], |sample| {
        Box::new(EpochGrammar::new(&epochs::OPENPCDET, sample))
    }),
    &TextFormat::specific("swin", &["Train: [", "/"], |sample| {
        Box::new(EpochGrammar::new(&epochs::SWIN, sample))
    }),
    &TextFormat::specific("supcontrast", &["Train: [", "/"], |sample| {
        Box::new(EpochGrammar::new(&epochs::SUPCONTRAST, sample))
    }),
    &TextFormat::specific("metric-logger", &["poch: ["], |sample| {
        Box::new(EpochGrammar::new(&epochs::METRIC_LOGGER, sample))
    }),
    &TextFormat::specific("corenet", &[" - Epoch: ", "], loss: "], |_| {
        Box::<text::corenet::CoreNet>::default()
    }),
    &TextFormat::specific("espnet", &["epoch:train:"], |sample| {
        Box::new(EpochGrammar::new(&epochs::ESPNET, sample))
    }),
    &TextFormat::specific("icefall", &["Epoch ", ", batch "], |sample| {
        Box::new(EpochGrammar::new(&epochs::ICEFALL, sample))
    }),
    &TextFormat::specific("wenet", &[" TRAIN ", "Batch ", " loss "], |sample| {
        Box::new(EpochGrammar::new(&text::epochs::WENET, sample))
    }),
    &TextFormat::specific("pytorch-example", &["poch", "oss"], |sample| {
        Box::new(EpochGrammar::new(&epochs::PYTORCH_EXAMPLE, sample))
    })
    .with_one_of(&["batches", "Train Epoch: ", "Test set"]),
    &TextFormat::specific("keras", &["Epoch ", " - loss: "], |_| {
        Box::<text::keras::Keras>::default()
    }),
    &TextFormat::specific("stable-baselines3", &["total_timesteps"], |_| {
        Box::<text::blocks::StableBaselines>::default()
    }),
    &TextFormat::specific("logger-table", &["------------", "| ", "oss"], |_| {
        Box::<text::logger_table::LoggerTable>::default()
    }),
    &TextFormat::specific("coqui", &["-- GLOBAL_STEP: ", "| > "], |_| {
        Box::<text::coqui::Coqui>::default()
    }),
    &TextFormat::specific("nemo-rl", &[" Step ", "Training Results:"], |_| {
        Box::<text::blocks::NemoRl>::default()
    }),
    &TextFormat::specific("notebook", &["oss"], |_| {
        Box::<text::notebook::Notebook>::default()
    }),
    &TextFormat::specific("dllogger", &["DLLL {"], |_| {
        Box::<text::dllogger::DlLogger>::default()
    }),
    &TextFormat::specific("pix2pix", &["epoch: ", ", iters: "], |_| {
        Box::<text::pix2pix::Pix2Pix>::default()
    }),
    &TextFormat::specific("yolo-results", &["G ", "/"], |_| {
        Box::<text::ultralytics::ResultsTable>::default()
    }),
    &TextFormat::specific("ultralytics", &["Epoch", "_mem "], |_| {
        Box::<text::ultralytics::Ultralytics>::default()
    }),
    &TextFormat::specific("spacy", &["E    #", "LOSS "], |_| {
        Box::<text::spacy::Spacy>::default()
    }),
    &TextFormat::specific("spacy-losses", &["{'", "': "], |_| {
        Box::<text::spacy::Losses>::default()
    })
    .with_one_of(text::spacy::COMPONENTS),
    &TextFormat::specific("darknet", &[" avg", " rate, ", " images"], |_| {
        Box::new(text::darknet::Darknet)
    }),
    &TextFormat::specific("basicsr", &["epoch:", ", iter:"], |_| {
        Box::new(text::basicsr::BasicSr)
    }),
    &TextFormat::specific("tacotron2", &["Train loss ", "Grad Norm "], |_| {
        Box::new(text::tacotron::Tacotron)
    }),
    &TextFormat::specific("boosting", &["\t"], |_| {
        Box::<text::boosting::Boosting>::default()
    }),
    &TextFormat::specific("rwkv", &[], |_| Box::<text::small::Rwkv>::default()),
    &TextFormat::specific("flower", &["fit progress: ("], |_| Box::new(text::small::Flower)),
    &TextFormat::specific("nequip", &["! Train ", " # ", " LR "], |_| {
        Box::<text::nequip::Nequip>::default()
    }),
    &TextFormat::specific("mace", &["Epoch ", "loss=", "E_per_atom="], |sample| {
        Box::new(text::mace::Mace::new(sample))
    }),
    &TextFormat::specific("colbert", &["#> "], |_| Box::new(text::small::ColBert)),
    &TextFormat::specific("darts", &["epoch ", "train 0"], |_| {
        Box::<text::darts::Darts>::default()
    }),
    &TextFormat::specific("edsr", &["[Epoch ", "]\tLearning rate:"], |_| {
        Box::<text::edsr::Edsr>::default()
    }),
    &TextFormat::specific("vits", &["Train Epoch: ", "%]"], |_| {
        Box::<text::vits::Vits>::default()
    }),
    &TextFormat::specific("group-dro", &["Average sample loss: "], |_| {
        Box::<text::group_dro::GroupDro>::default()
    }),
    &TextFormat::specific("audiotools", &["┃", "│"], |_| {
        Box::<text::audiotools::AudioTools>::default()
    }),
    &TextFormat::fallback("key-value", &[], |sample| {
        Box::new(text::key_value::KeyValue::new(sample))
    }),
    &TextFormat::fallback("progress-bar", &["/"], |_| {
        Box::<text::progress::Progress>::default()
    })
    .with_one_of(text::progress::MARKS),
    &TextFormat::fallback("step-blocks", &[], |_| {
        Box::<text::step_blocks::StepBlocks>::default()
    }),
    &TextFormat::fallback("nameless", &[":"], |_| Box::<text::nameless::Nameless>::default()),
    &TextFormat::last_resort("uncounted", &["oss"], |sample| {
        Box::new(text::uncounted::Uncounted::new(sample))
    }),
    &printed_history::PrintedHistory,
];

/// Records after which a specific format need not fear the fallback.
const ENOUGH_RECORDS: usize = 2;

/// The format of a file, and how many records of the sample it can read.
pub fn detect(sample: &Sample, names: &Names) -> Option<(&'static dyn Format, Claim)> {
    // What the user describes is believed wherever it is found.
    for pattern in &names.patterns {
        if let Some(claim) = pattern.claim(sample, names) {
            return Some((*pattern, claim));
        }
    }
    // Its lines are no log, whatever its source code looks like.
    if jupyter::begins(sample.head) {
        let claim = jupyter::Jupyter.claim(sample, names)?;
        return Some((&jupyter::Jupyter, claim));
    }
    let few = likely(sample, names);
    if let [only] = few[..] {
        return Some(only);
    }
    let few: Vec<&dyn Format> = few.into_iter().map(|(format, _)| format).collect();
    best_of(if few.is_empty() { FORMATS } else { &few[..] }, sample, names)
}

/// The best of these formats for a sample.
fn best_of(
    formats: &[&'static dyn Format],
    sample: &Sample,
    names: &Names,
) -> Option<(&'static dyn Format, Claim)> {
    let mut best: Option<(&'static dyn Format, Claim)> = None;
    let one_document = json_document::spans_lines(sample.head);
    for format in formats {
        let settled = best.is_some_and(|(_, claim)| match format.precedence() {
            Precedence::Specific => claim.certain,
            // A specific format that reads a few records is right about them.
            Precedence::Fallback => claim.certain || claim.records >= ENOUGH_RECORDS && !claim.private,
            Precedence::LastResort => true,
        });
        if settled {
            break;
        }
        let Some(claim) = format.claim(sample, names) else {
            continue;
        };
        // What its lines look like means nothing.
        if one_document && matches!(format.decoder(sample, names), Decoder::Lines(_)) {
            continue;
        }
        let better =
            best.is_none_or(|(_, other)| (claim.certain, claim.records) > (other.certain, other.records));
        if better && (claim.records > 0 || claim.certain) {
            best = Some((*format, claim));
        }
    }
    best
}

/// The only formats worth asking about a large sample: those that read anything in the outer
/// parts of it, and what they claim of those, where one of them reads line after line. Empty when
/// that does not tell.
fn likely(sample: &Sample, names: &Names) -> Vec<(&'static dyn Format, Claim)> {
    const DENSE: usize = 32;
    let Some(part) = sample.outskirts() else {
        return Vec::new();
    };
    let specific = FORMATS
        .iter()
        .filter(|format| format.precedence() == Precedence::Specific);
    let mut claims = claims(specific.copied(), &part, names);
    if !claims.iter().any(|(_, claim)| claim.records >= DENSE) {
        claims.clear();
    }
    claims
}

/// The formats that read anything of a sample.
fn claims(
    formats: impl Iterator<Item = &'static dyn Format>,
    sample: &Sample,
    names: &Names,
) -> Vec<(&'static dyn Format, Claim)> {
    formats
        .filter_map(|format| Some((format, format.claim(sample, names)?)))
        .filter(|(_, claim)| claim.records > 0 || claim.certain)
        .collect()
}

/// What every format makes of a sample, those that win first: for `inspect`.
pub fn rivals(sample: &Sample, names: &Names) -> Vec<(&'static str, Claim)> {
    if jupyter::begins(sample.head) {
        return Vec::from_iter(detect(sample, names).map(|(format, claim)| (format.name(), claim)));
    }
    let patterns = names.patterns.iter().map(|pattern| *pattern as &dyn Format);
    let formats = FORMATS.iter().copied();
    let few = likely(sample, names);
    let mut found = match sample.outskirts() {
        // Of a large sample a part shows as much.
        Some(part) if !few.is_empty() => {
            let mut found = claims(patterns, &part, names);
            found.extend(few);
            found.extend(claims(
                formats.filter(|format| format.precedence() != Precedence::Specific),
                &part,
                names,
            ));
            found
        }
        _ => claims(patterns.chain(formats), sample, names),
    };
    found.sort_by_key(|(format, claim)| {
        let many = std::cmp::Reverse(claim.records);
        (!claim.certain, format.precedence(), many)
    });
    let named = found.into_iter().map(|(format, claim)| (format.name(), claim));
    named.collect()
}

/// What is missing in a file that no format recognises, and what to do about it.
pub fn diagnose(sample: &Sample, names: &Names) -> String {
    const NAMED: usize = 12;
    let first = sample
        .lines()
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    if first.is_empty() {
        return "there is nothing in it yet".to_owned();
    }
    if let Some(why) = json_document::no_curve(sample.head, names) {
        return why;
    }
    let (kind, columns) = structured_columns(first, sample, names);
    if let Some(kind) = kind {
        let has = |role: Role| {
            columns
                .iter()
                .any(|column| names.role_of(column).is_some_and(|fit| fit.role.same_slot(role)))
        };
        let list: Vec<&str> = columns.iter().map(String::as_str).take(NAMED).collect();
        let more = columns.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let loss = has(Role::of(Quantity::TrainLoss)) || has(Role::of(Quantity::EvalLoss));
        let missing = if loss {
            "rows with a loss"
        } else {
            "a loss; name it with --loss NAME or --eval-loss NAME"
        };
        return format!("{kind} with {}{more}, but without {missing}", list.join(", "));
    }
    let engine = [sample.head, sample.tail].iter().any(|part| {
        memchr::memmem::find(part, b"[logging.py:").is_some()
            || memchr::memmem::find(part, b"OVERFLOW!").is_some()
    });
    if engine {
        return "DeepSpeed's own lines have steps and learning rates but no loss: the training script must print it"
            .to_owned();
    }
    let mut lines = sample.lines().filter_map(|line| std::str::from_utf8(line).ok());
    if let Some(metric) = lines.find_map(text::boosting::no_loss) {
        return format!(
            "rounds of boosted trees with {metric}, which is not known to fall as a loss does: there is nothing to forecast; \
             have a loss evaluated as well, such as logloss or rmse"
        );
    }
    "no line has a step and a loss that a built-in format knows; describe its lines with [[format]] in losscast.toml"
        .to_owned()
}

/// The names of a file that is made of rows, and what kind of file it is.
fn structured_columns(first: &[u8], sample: &Sample, names: &Names) -> (Option<&'static str>, Vec<String>) {
    if first.trim_ascii_start().starts_with(b"{")
        && let Some(serde_json::Value::Object(fields)) = json_lines::parse_line(first)
    {
        let mut found = Vec::new();
        json_lines::visit(&fields, "", 4, &mut |name, _| found.push(name.to_owned()));
        return (Some("JSON lines"), found);
    }
    // A line of prose with commas in it is no header.
    let is_name = |name: &String| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && name.len() <= 64
    };
    match delimited::header_names(sample, names) {
        Some(found) if found.iter().all(is_name) => (Some("a table"), found),
        _ => (None, Vec::new()),
    }
}

/// Why a file cannot be a log at all, from its first bytes.
pub fn refuse(head: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "gzip-compressed; decompress it first"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed; decompress it first"),
        (b"\xfd7zXZ\x00", "xz-compressed; decompress it first"),
        (b"BZh", "bzip2-compressed; decompress it first"),
        (b"\x89PNG", "a picture"),
        (b"\x7fELF", "a program"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"%PDF", "a PDF document"),
    ];
    if has_frames(head) {
        return None;
    }
    for (magic, reason) in MAGIC {
        if head.starts_with(magic) {
            return Some(reason);
        }
    }
    // FLAML's log of its search.
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"{\"record_id\": ") && memchr::memmem::find(line, b"\"learner\": ").is_some() {
        return Some("a list of trials, each of another model: no curve of one training");
    }
    if is_list_of_wandb_runs(line) {
        return Some("a list of runs as W&B exports it, a row for each: no curve of one training");
    }
    if head.starts_with(b"\x80") && matches!(head.get(1), Some(2..=5)) {
        return Some("a Python pickle");
    }
    let zeros = head.iter().take(4096).filter(|byte| **byte == 0).count();
    (zeros * 20 > head.len().min(4096)).then_some("binary data")
}

/// True for the header of W&B's table of runs: what each is called, whether it still goes on, and since
/// when there it is.
fn is_list_of_wandb_runs(header: &[u8]) -> bool {
    let mut cells = header.split(|byte| *byte == b',');
    let mut follows = |name: &[u8]| {
        cells.any(|cell| {
            let cell = cell.trim_ascii();
            cell.strip_prefix(b"\"")
                .and_then(|cell| cell.strip_suffix(b"\""))
                .unwrap_or(cell)
                == name
        })
    };
    follows(b"Name") && follows(b"State") && follows(b"Created")
}

/// True for a file of binary records that a format here reads.
pub fn has_frames(head: &[u8]) -> bool {
    tensorboard::begins(head) || wandb::begins(head) || swanlab::begins(head)
}

/// A whole log, read at once.
#[derive(Debug)]
pub struct Whole {
    /// Name of its format.
    pub format: &'static str,
    /// All its records and the account of its lines.
    pub decoded: Decoded,
    /// What its names were taken for.
    pub columns: Vec<Column>,
}

/// Decodes all of a file, from its start.
fn decode(decoder: &mut Decoder, content: &[u8]) -> Result<Decoded, String> {
    let mut decoded = Decoded::default();
    match decoder {
        Decoder::Lines(decoder) => {
            decoder.start_over();
            let content = content.strip_suffix(b"\n").unwrap_or(content);
            for line in content.split(|byte| *byte == b'\n') {
                decoded.lines += 1;
                decoder.line(decoded.lines, encoding::without_return(line), &mut decoded);
            }
            decoder.finish(&mut decoded);
        }
        Decoder::Document(decoder) => decoder.document(content, &mut decoded)?,
        Decoder::Frames(decoder) => {
            decoder.start_over();
            let progress = decoder.frames(content, &mut decoded);
            decoder.finish(&mut decoded);
            if let Some(reason) = progress.damage {
                decoded.skip(decoded.lines + 1, reason, b"");
            }
        }
    }
    Ok(decoded)
}

/// What each name that a decoder has seen was taken for.
fn columns(decoder: &Decoder) -> Vec<Column> {
    match decoder {
        Decoder::Lines(decoder) => decoder.columns(),
        Decoder::Document(decoder) => decoder.columns(),
        Decoder::Frames(decoder) => decoder.columns(),
    }
}

/// Recognises and reads a whole log that is already in memory.
///
/// # Errors
/// A sentence that says why it is no log.
pub fn read_all(content: &[u8], names: &Names) -> Result<Whole, String> {
    let content = if has_frames(content) {
        Cow::Borrowed(content)
    } else {
        encoding::utf8(content)
    };
    let content = &*content;
    if let Some(reason) = refuse(content) {
        return Err(reason.to_owned());
    }
    let sample = Sample::of(content);
    let mut names = Cow::Borrowed(names);
    let (format, _) =
        stand_in::recognise(&sample, &mut names).ok_or_else(|| "no metrics recognised".to_owned())?;
    let mut decoder = format.decoder(&sample, &names);
    loop {
        let decoded = decode(&mut decoder, content)?;
        if !decoded.remapped {
            return Ok(Whole {
                format: format.name(),
                decoded,
                columns: columns(&decoder),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_is_no_table() {
        let banner = b"using world size: 1, data-parallel size: 1, context-parallel size: 1 \nWARNING: overriding default arguments\n";
        let told = |content: &[u8]| diagnose(&Sample::whole(content), &Names::default());
        assert!(told(banner).starts_with("no line has a step and a loss"));
        assert!(told(b"step,reward\n1,0.5\n").starts_with("a table with step, reward"));
        assert!(told(b"step,loss\n").starts_with("a table with step, loss"));
    }

    #[test]
    fn a_sample_keeps_the_redraws_of_a_long_line() {
        let sample = Sample {
            head: b"Loading\n\rbar 1%\rbar 2%\rba",
            tail: b"7%\rbar 98%\rbar 99%\ndone",
        };
        let lines: Vec<&[u8]> = sample.lines().collect();
        assert_eq!(
            lines,
            [&b"Loading"[..], b"\rbar 1%\rbar 2%", b"bar 98%\rbar 99%", b"done"]
        );
    }
    use proptest::prelude::*;

    /// Text that comes near to what the formats look for.
    fn almost_a_log() -> impl Strategy<Value = Vec<u8>> {
        let words = "(step|Step|iter|iteration|epoch|Epoch: \\[|loss|val loss|train loss|lr|trl|s:|: |=| - | \\| |/|\\||\\[batch=|\\]|[0-9]{1,4}|[0-9]\\.[0-9e-]{1,4}|nan|%\\||it/s|\n|\r|\u{8}|\u{1b}\\[31m|\\{|\\}|'|\"|,|    |:::MLLOG \\{|é){0,160}";
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            words.prop_map(String::into_bytes),
            (
                any::<prop::sample::Index>(),
                any::<prop::sample::Index>(),
                any::<u8>()
            )
                .prop_map(|(which, at, byte)| {
                    // A real line of some trainer, with one byte changed.
                    let mut line = which.get(REAL_LINES).as_bytes().repeat(4);
                    let at = at.index(line.len());
                    line[at] = byte;
                    line
                }),
        ]
    }

    const REAL_LINES: &[&str] = &[
        "{\"step\": 7, \"loss\": 2.5, \"lr\": 1e-4}\n{\"step\": 8, \"eval_loss\": NaN}\n",
        "step,loss,val_loss\n1,2.0,\n2,,\"1.9\"\n",
        "step:12/6000 train_loss:10.0687 train_time:1796ms step_avg:nanms\n",
        " iteration       10/    2000 | consumed samples:         1280 | learning rate: 2.999833E-05 | lm loss: 2.557783E+00 | grad norm: 0.154 | number of skipped iterations:   0 |\n",
        "\r 25%|##5       | 10/40 [00:01<00:03,  9.00it/s]{'loss': 3.5039, 'learning_rate': 7.4e-06, 'epoch': 0.01}\n\r 50%|##5       | 20/40 [00:01<00:03,  9.00it/s, loss=2.0]\n",
        "Epoch 1/100\n 1/10 [==>...] - ETA: 0s - loss: 0.90\u{8}\u{8}\u{8}10/10 [=====] - 2s 210ms/step - loss: 0.52 - val_loss: 0.6\n",
        "[batch=189/3200]:\n\t Train loss/train/total: 2.3456\n\t Train time/token: 24641536\n",
        "Epoch: [0/100]  [   0/1562]  eta: 3:32:02  loss: 10.776567 (10.776567)  lr: 0.000000 (0.000000)  time: 8.1\n",
        ":::MLLOG {\"time_ms\": 1759906650694, \"key\": \"train_loss\", \"value\": 8.16, \"metadata\": {\"step\": 31.0, \"samples_count\": 512.0}}\n",
        "[rank0]:[titan] 2026-05-18 16:04:46,338 - root - INFO - step: 14  loss:  3.24405  memory:  9.46GiB(64.99%)  tps: 7,282\n",
        "step 00001/21400 (0.00%) | loss: 10.808654 | lrm: 1.00 | dt: 639.21ms | tok/sec: 820,214\n",
    ];

    /// Feeds a decoder with what arrives in one reading.
    struct Reading {
        decoder: Box<dyn LineDecoder>,
        waiting: Vec<u8>,
        lines: u64,
        out: Decoded,
    }

    impl Reading {
        fn new(decoder: Box<dyn LineDecoder>) -> Self {
            Reading {
                decoder,
                waiting: Vec::new(),
                lines: 0,
                out: Decoded::default(),
            }
        }

        fn feed(&mut self, piece: &[u8]) {
            self.waiting.extend_from_slice(piece);
            let (lines, out) = (&mut self.lines, &mut self.out);
            let used = crate::source::file::split_lines(
                &self.waiting,
                lines,
                &mut false,
                self.decoder.as_mut(),
                out,
            );
            self.waiting.drain(..used);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        /// Whatever a file holds, reading it ends without a panic, for every format.
        #[test]
        fn arbitrary_bytes_are_survived(content in almost_a_log()) {
            let names = Names::default();
            let sample = Sample::whole(&content);
            for format in FORMATS {
                let _ = format.claim(&sample, &names);
                let mut decoded = Decoded::default();
                match format.decoder(&sample, &names) {
                    Decoder::Lines(mut decoder) => {
                        for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
                            decoder.line(number as u64, line, &mut decoded);
                        }
                        decoder.finish(&mut decoded);
                    }
                    Decoder::Document(mut decoder) => drop(decoder.document(&content, &mut decoded)),
                    Decoder::Frames(mut decoder) => {
                        decoder.frames(&content, &mut decoded);
                        decoder.finish(&mut decoded);
                    }
                }
            }
            drop(sidecar::read("config.yaml", &content));
            drop(sidecar::read("config.json", &content));
        }

        /// However the bytes of a log arrive, its records are the same, for every format.
        #[test]
        fn any_split_gives_the_same_records(
            content in almost_a_log(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let names = Names::default();
            let sample = Sample::whole(&content);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
            cuts.extend([0, content.len()]);
            cuts.sort_unstable();
            for format in FORMATS {
                let (Decoder::Lines(one), Decoder::Lines(other)) =
                    (format.decoder(&sample, &names), format.decoder(&sample, &names))
                else {
                    continue;
                };
                let (mut at_once, mut in_pieces) = (Reading::new(one), Reading::new(other));
                at_once.feed(&content);
                for pair in cuts.windows(2) {
                    in_pieces.feed(&content[pair[0]..pair[1]]);
                }
                prop_assert_eq!(
                    format!("{:?}", at_once.out.records),
                    format!("{:?}", in_pieces.out.records),
                    "{}", format.name()
                );
            }
        }
    }
}
