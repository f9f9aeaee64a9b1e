//! All formats.

use super::recognition::Format;
use super::text::dialect::DialectGrammar;
use super::text::epochs::EpochGrammar;
use super::text::{TextFormat, dialect, epochs};
use super::{
    delimited, json_document, json_lines, jupyter, long_form, mllog, printed_history, swanlab, tensorboard,
    text, trainer_state, wandb,
};

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
    &TextFormat::specific("gnmt", &["TRAIN [", "Loss/tok"], |sample| {
        Box::new(EpochGrammar::new(&epochs::GNMT, sample))
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
    &TextFormat::specific("boosting", &[], |_| Box::<text::boosting::Boosting>::default())
        .with_one_of(&["\t", "#011"]),
    &TextFormat::specific("rwkv", &[], |_| Box::<text::small::Rwkv>::default()),
    &TextFormat::specific("deeplearning4j", &["Score at iteration "], |_| {
        Box::new(text::small::DeepLearning4J)
    }),
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
