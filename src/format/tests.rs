use proptest::prelude::*;

use super::*;
use crate::metric::Names;

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
        let used =
            crate::source::file::split_lines(&self.waiting, lines, &mut false, self.decoder.as_mut(), out);
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
