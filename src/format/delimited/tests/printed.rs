use super::{rows, told};
use crate::format::delimited::Delimited;
use crate::format::{Format, Sample};
use crate::metric::Names;

#[test]
fn tables_are_printed_in_columns_as_fastai_does() {
    let content = "Training...\nepoch     train_loss  valid_loss  error_rate  time    \n\
            Epoch 1/2 : |----| 0.00% [0/50 00:00<?]\n\
            0         0.907861    0.303510    0.108254    00:23     \n\
            1         0.528300    0.256100    0.081867    00:23     \nsaved model of epoch 1\n";
    assert_eq!(
        rows(content),
        [
            (0, Some(0.907861), Some(0.30351)),
            (1, Some(0.5283), Some(0.2561))
        ]
    );
    let content = "Epoch  Train Loss  Val Loss\n-----------------------------\n    1       0.907     0.303\n    2       0.528     0.256\n";
    assert_eq!(
        rows(content),
        [(1, Some(0.907), Some(0.303)), (2, Some(0.528), Some(0.256))]
    );
    // Before 2019 the time stood below no name.
    let content = "Total time: 01:36\nepoch  train_loss  valid_loss  accuracy\n1      0.115773    0.074130    0.974975  (00:24)\n2      0.071310    0.050290    0.983317  (00:24)\n";
    assert_eq!(
        rows(content),
        [
            (1, Some(0.115773), Some(0.07413)),
            (2, Some(0.07131), Some(0.05029))
        ]
    );
}

#[test]
fn printed_tables_may_have_frames() {
    let expected = [
        (1, Some(2.25), Some(2.5)),
        (2, Some(2.0), None),
        (3, Some(1.75), Some(2.0)),
    ];
    let rule = "+-------+------------+----------+\n";
    let header = "| Epoch | Train Loss | Val Loss |\n";
    let rows_of = |bar: &str| {
        [
            "|     1 |     2.2500 |   2.5000 |\n",
            "|     2 |     2.0000 |          |\n",
            "|     3 |     1.7500 |   2.0000 |\n",
        ]
        .map(|row| row.replace('|', bar))
    };
    let [first, second, third] = rows_of("|");
    let once = format!("Using device: cuda\n{rule}{header}{rule}{first}{second}{third}{rule}");
    assert_eq!(rows(&once), expected);
    let top = format!("{rule}{header}{rule}");
    assert_eq!(
        rows(&format!(
            "{top}{first}{rule}{top}{second}{rule}{top}{third}{rule}"
        )),
        expected
    );
    let rich = format!(
        "      Training Progress      \n┏━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━┓\n{}┡━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━┩\n{}└───────┴────────────┴──────────┘\n",
        header.replace('|', "┃"),
        rows_of("│").concat()
    );
    assert_eq!(rows(&rich), expected);
}

#[test]
fn a_table_that_sums_up_the_lines_of_a_log_does_not_stand_for_them() {
    let framed = "+-------+------------+\n| Epoch | Train Loss |\n+-------+------------+\n|    20 |     1.2035 |\n|    19 |     1.2213 |\n+-------+------------+\n";
    let plain = "Summary\nepoch  loss\n20  1.2035\n19  1.2213\n";
    let claims = |content: String| {
        let sample = Sample::whole(content.as_bytes());
        Delimited.claim(&sample, &Names::default()).is_some()
    };
    let told = |line: &str| -> String { (1..=20).map(|epoch| format!("Epoch {epoch}{line}\n")).collect() };
    for table in [framed, plain] {
        for line in [": train loss 2.4 val loss 2.5", ", train loss 2.4, val loss 2.5"] {
            assert!(!claims(told(line) + table), "{line} {table}");
            assert!(!claims(table.to_owned() + &told(line)), "{table} {line}");
        }
        // Bars and remarks stand for no rows.
        for line in [
            ": 100%|####| 50/50 [00:10<00:00, 4.98it/s, loss=2.34]",
            ": better model found with valid_loss value: 0.3",
        ] {
            assert!(claims(told(line) + table), "{line} {table}");
        }
    }
}

#[test]
fn a_short_table_below_a_title_does_not_stand_for_the_lines_of_a_log() {
    let table = "Results of the last run:\nepoch,loss,val_loss\n9,2.1,2.3\n10,2.0,2.2\n";
    let claims = |told: &str| {
        let content = table.to_owned() + told;
        let sample = Sample::whole(content.as_bytes());
        Delimited.claim(&sample, &Names::default()).is_some()
    };
    assert!(claims(""));
    assert!(!claims(
        "Epoch 1/3, loss: 5.0\nEpoch 2/3, loss: 4.5\nEpoch 3/3, loss: 4.25\n"
    ));
}

#[test]
fn prose_with_commas_above_a_printed_table_is_no_header() {
    let content = "training (one 128-token chunk per step, 500 steps/epoch):\n\
            epoch    step      loss      perp     time\n-----    -----    ------    ------    -----\n    \
            1     500    2.1751    8.8026    13.2s\n    2    1000    2.0469    7.7442    12.4s\n";
    assert_eq!(
        rows(content),
        [(500, Some(2.1751), None), (1000, Some(2.0469), None)]
    );
}

#[test]
fn several_fits_of_one_model_go_on_and_another_model_begins_anew() {
    let fit = |losses: &[f64]| -> String {
        let row = |(epoch, loss): (usize, &f64)| format!("{epoch},{loss},{loss},00:12\n");
        let rows: String = losses.iter().enumerate().map(row).collect();
        "epoch,train_loss,valid_loss,time\n".to_owned() + &rows
    };
    let steps = |content: &str| -> Vec<u64> { rows(content).iter().map(|row| row.0).collect() };
    let tuned = fit(&[0.9]) + &fit(&[0.5, 0.4, 0.35]) + &fit(&[0.36, 0.3]);
    assert_eq!(steps(&tuned), [0, 1, 2, 3, 4, 5]);
    assert_eq!(steps(&(fit(&[0.9, 0.5]) + &fit(&[0.95, 0.5]))), [0, 1, 0, 1]);
}

#[test]
fn lines_before_the_header() {
    for title in [
        "sep=,\n",
        "Experiment: resnet,,\n",
        "Training time: 12.2 seconds\nFinal accuracy: 0.8\n",
    ] {
        let table = format!("{title}epoch,train_loss,val_loss\n1,2.5,2.6\n2,2.4,2.5\n");
        let (read, decoded) = (rows(&table), told(&table));
        let expected = [(1, Some(2.5), Some(2.6)), (2, Some(2.4), Some(2.5))];
        assert_eq!((read.as_slice(), decoded.skipped), (&expected[..], 0), "{title}");
    }
}
