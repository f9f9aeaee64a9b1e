mod printed;

use proptest::prelude::*;

use super::*;
use crate::format::read_all;

type Row = (u64, Option<f64>, Option<f64>);

fn rows(content: &str) -> Vec<Row> {
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "csv");
    let row = |row: crate::format::records::Row| {
        (
            row.step(),
            row.value(Quantity::TrainLoss),
            row.value(Quantity::EvalLoss),
        )
    };
    read.decoded.records.rows().map(row).collect()
}

#[test]
fn a_column_of_words_for_data_tells_whatever_its_name() {
    let content = "event,step,loss,perplexity,lr\ntrain,100,2.25,,1e-4\ntrain,120,2.125,,1e-4\n\
            eval,120,2.5,8.5,\ntrain,140,2.0,,1e-4\n";
    let expected = [
        (100, Some(2.25), None),
        (120, Some(2.125), None),
        (120, None, Some(2.5)),
        (140, Some(2.0), None),
    ];
    assert_eq!(rows(content), expected);
    // The evaluation may come first, when nothing shows yet that there is training.
    let content = "kind,step,loss\nvalidation,0,2.5\ntrain,10,2.25\n";
    assert_eq!(rows(content), [(0, None, Some(2.5)), (10, Some(2.25), None)]);
    // A word that stays is a name, and one for something else may be for anything.
    for other in ["test", "late"] {
        let content = format!("label,step,loss\ntest,1,2.5\n{other},2,2.25\n");
        assert_eq!(rows(&content), [(1, Some(2.5), None), (2, Some(2.25), None)]);
    }
    let content = "event,step,loss\ntrain,1,2.5\neval,1,2.75\nrestart,2,2.25\n";
    assert_eq!(
        rows(content).iter().filter(|(_, _, eval)| eval.is_some()).count(),
        0
    );
}

#[test]
fn the_planned_epochs_stand_in_a_column() {
    let content = "run,epoch,total_epochs,train_loss,best\n1,0,3000,3.5,yes\n1,200,3000,2.25,yes\n";
    let hints = read_all(content.as_bytes(), &Names::default())
        .unwrap()
        .decoded
        .hints;
    assert_eq!(hints.count(crate::format::hints::Fact::Epochs), Some(3000));
}

#[test]
fn carriage_returns_may_end_the_rows() {
    for end in ["\r", "\r\r", "\r\n", "\r\r\n"] {
        let content =
            ["epoch,loss,val_loss", "0,1.5,1.2", "1,0.5,0.6", "2,0.25,"].map(|row| row.to_owned() + end);
        let expected = [
            (0, Some(1.5), Some(1.2)),
            (1, Some(0.5), Some(0.6)),
            (2, Some(0.25), None),
        ];
        assert_eq!(rows(&content.concat()), expected, "{end:?}");
    }
    // Behind a cell that is not used.
    let content = "step,loss,note\n1,1.5,a\r2,0.5,b\n3,0.25,c\n";
    let told: Vec<u64> = rows(content).iter().map(|(step, ..)| *step).collect();
    assert_eq!(told, [1, 2, 3]);
    // Not even among those of one row.
    let torn = rows("step,note,loss\n1,a\r2.5\n2,c,1.5\n");
    assert_eq!(torn, [(2, Some(1.5), None)]);
}

#[test]
fn a_list_of_runs_is_no_curve() {
    let table = |rows: &str| format!("_step,train_loss,name,id\n{rows}");
    let refused = |table: &str| read_all(table.as_bytes(), &Names::default()).is_err();
    assert!(refused(&table("35,0.05,warm,s4221lzx\n43,0.04,cold,rm2zewfq\n")));
    assert!(!refused(&table("35,0.05,warm,s4221lzx\n43,0.04,warm,s4221lzx\n")));
}

#[test]
fn an_index_without_a_name_stands_beside_one_column() {
    let told = rows(",train_loss\n0,3.5\n1,2.5\n2,2.25\n3,2.0\n");
    assert_eq!(told.last(), Some(&(3, Some(2.0), None)));
}

#[test]
fn an_index_in_even_strides_is_the_step() {
    for name in ["", "Unnamed: 0"] {
        let content = format!("{name},loss,val_loss\n0,3.5,3.75\n100,2.5,2.75\n200,2.25,2.5\n300,2.0,2.25\n");
        assert_eq!(rows(&content).last(), Some(&(300, Some(2.0), Some(2.25))));
    }
    // Where something else counts, it is but the number of the row.
    let told = rows(",step,loss\n0,5,3.5\n2,10,2.5\n4,15,2.25\n6,20,2.0\n");
    assert_eq!(told.last(), Some(&(20, Some(2.0), None)));
}

#[test]
fn results_of_several_runs_are_no_curve() {
    let names = Names::default();
    let is_read = |table: &str| read_all(table.as_bytes(), &names).is_ok();
    let told_apart = |table: &str, column: &str| {
        let why = crate::format::diagnose(&Sample::whole(table.as_bytes()), &names);
        assert!(!is_read(table) && why.contains(column), "{table}: {why}");
    };
    let lambda = "lambda | fin loss | avr loss\n1e-06 | 0.5 | 0.4\n1e-05 | 0.4 | 0.3\n1e-04 | 0.3 | 0.25\n1e-03 | 0.35 | 0.3\n";
    told_apart(lambda, "told apart by lambda,");
    assert!(is_read(&lambda.replace("lambda", "step").replace("1e-0", "1")));
    told_apart(
        "loss,num_params,tokens\n3.5,1000,10\n3.25,2000,20\n3.0,4000,40\n",
        "told apart by num_params,",
    );
    told_apart("seed,val_loss\n1,3.5\n2,3.25\n3,3.75\n", "told apart by seed,");
    told_apart(
        "lr,val_loss\n0.0001,3.5\n0.0003,3.25\n0.001,3.75\n",
        "told apart by lr,",
    );
    // The rates of one training, in a warm-up and in a decay by steps.
    assert!(is_read(
        "lr,loss\n0.1,3.5\n0.2,3.25\n0.3,3.0\n0.2,2.75\n0.1,2.5\n"
    ));
    assert!(is_read("lr,loss\n0.1,3.5\n0.01,3.25\n0.001,3.0\n"));
}

#[test]
fn evaluations_alone_are_no_curve() {
    let names = Names::default();
    let is_read = |table: &str| read_all(table.as_bytes(), &names).is_ok();
    let folds = "val_loss,test_loss,auc\n0.42,0.25,0.88\n0.03,0.02,0.01\n0.02,0.01,0.009\n";
    let why = crate::format::diagnose(&Sample::whole(folds.as_bytes()), &names);
    assert!(!is_read(folds) && why.contains("on test data"), "{why}");
    assert!(!is_read(&format!(",{folds}").replace("\n0", "\n1,0")));
    for curve in [
        folds.replace("auc", "train_loss"),
        folds
            .replace("auc", "epoch")
            .replace("0.88", "1")
            .replace("0.01\n", "2\n")
            .replace("0.009", "3"),
        folds.replace("test_loss", "test_auc"),
    ] {
        assert!(is_read(&curve), "{curve}");
    }
}

#[test]
fn a_loss_alone_is_a_table_of_numbers() {
    assert_eq!(
        rows("train_loss\n3.5\n2.5\n1.5\n"),
        [(0, Some(3.5), None), (1, Some(2.5), None), (2, Some(1.5), None)]
    );
    for content in ["loss\n3.5\n2.5\nof rank 1\n", "loss\n3.5\n"] {
        assert!(
            read_all(content.as_bytes(), &Names::default()).is_err(),
            "{content}"
        );
    }
}

#[test]
fn prose_is_no_table() {
    let content = "epoch and loss are shown\nstep loss lr\nno numbers here\n12 of 40\n";
    assert!(read_all(content.as_bytes(), &Names::default()).is_err());
}

#[test]
fn sparse_rows_and_missing_cells() {
    assert_eq!(
        rows("step,lr,train_loss,val_loss\n0,,,10.9\n50,7e-5,8.1,\n100,NA,nan,None\n")[..2],
        [(0, None, Some(10.9)), (50, Some(8.1), None)]
    );
}

#[test]
fn other_delimiters_padding_and_quotes() {
    assert_eq!(rows("step\ttrain loss\n1\t2.5\n"), [(1, Some(2.5), None)]);
    assert_eq!(
        rows("   epoch ,  train_loss , val_loss\n  0 , 3.0 , 3.1\n  1 , 2.0 , 2.1\n")[1],
        (1, Some(2.0), Some(2.1))
    );
    assert_eq!(
        rows(
            "\"Step\",\"run, one - train/lm_loss\",\"run, one - train/lm_loss__MIN\"\n\"4\",\"12.17\",\"12.17\"\n"
        ),
        [(4, Some(12.17), None)]
    );
}

#[test]
fn a_column_may_say_which_data_a_row_is_about() {
    assert_eq!(
        rows("epoch,phase,loss\n0,train,3.0\n0,val,3.1\n1,train,2.0\n"),
        [(0, Some(3.0), None), (0, None, Some(3.1)), (1, Some(2.0), None)]
    );
}

#[test]
fn a_header_may_leave_its_first_column_without_a_name() {
    let read = read_all(b",loss,val_loss\n0,2.0,2.5\n1,1.5,2.25\n", &Names::default()).unwrap();
    assert_eq!(
        (read.decoded.records.steps(), read.decoded.skipped),
        (&[0, 1][..], 0)
    );
}

#[test]
fn batches_count_on_over_epochs() {
    assert_eq!(
        rows("epoch,batch,loss\n1,10,3.0\n1,20,2.5\n2,10,2.0\n2,20,1.5\n")[2..],
        [(30, Some(2.0), None), (40, Some(1.5), None)]
    );
}

#[test]
fn a_list_of_results_is_no_log() {
    let list = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.9979\t44.0\tkeep\tbaseline\nb2c3d4e\t0.9932\t44.2\tkeep\tlr 0.04\n";
    assert!(read_all(list.as_bytes(), &Names::default()).is_err());
    let result = "model_name,loss,f1,timestamp\nbest_model,1.2828,0.4906,2026-08-01 16:51:10\n";
    assert!(read_all(result.as_bytes(), &Names::default()).is_err());
    assert_eq!(rows("step,loss\n1,2\n").len(), 1);
}

#[test]
fn a_header_in_the_middle_is_no_row() {
    assert_eq!(
        rows("step,loss\n1,2\nstep,loss\n2,1\nstep,loss,val_loss\n3,1,4\n").last(),
        Some(&(3, Some(1.0), Some(4.0)))
    );
}

#[test]
fn torn_rows_are_skipped_and_counted() {
    let read = read_all(b"step,loss\n1,2\n2\n3,oops\n4,1\n", &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [1, 4]);
    assert_eq!(read.decoded.skipped, 2);
}

proptest! {
    /// Rows of plain numbers are read as all others are.
    #[test]
    fn plain_rows_change_nothing(
        cells in prop::collection::vec(
            prop_oneof![
                "-?[0-9]{1,3}(\\.[0-9]{1,6})?(e-?[0-9])?",
                prop::sample::select(vec!["", " ", "nan", "-inf", "NA", "1,0", "x", " 2", "1_0", "+3", ".5", "\"4\""]).prop_map(str::to_owned),
            ],
            1..40,
        ),
    ) {
        let content: Vec<String> = cells.chunks(4).map(|row| row.join(",")).collect();
        let sample = Sample::whole(b"step,loss,lr,other\n");
        let decoder = || DelimitedDecoder::new(Header::find(&sample, &Names::default()).unwrap());
        let (mut fast, mut slow) = (decoder(), decoder());
        let (mut with, mut without) = (Decoded::default(), Decoded::default());
        for (number, line) in content.iter().enumerate() {
            fast.line(number as u64, line.as_bytes(), &mut with);
            if line.trim().is_empty() || slow.is_header(line.as_bytes()) {
                without.ignored += 1;
            } else {
                slow.row(number as u64, line.as_bytes(), &mut without);
            }
        }
        prop_assert_eq!(format!("{with:?}"), format!("{without:?}"));
    }
}

#[test]
fn a_total_that_grows_is_no_plan() {
    let table = |header: &str, row: &dyn Fn(u64) -> String| {
        let rows: String = (1..20).map(row).collect();
        let decoded = crate::format::read_all(format!("{header}\n{rows}").as_bytes(), &Names::default())
            .unwrap()
            .decoded;
        (decoded.records.steps().to_vec(), decoded.total_steps)
    };
    let counted: Vec<u64> = (1..20).map(|row| 2000 * row).collect();
    // The table of Baselines' DDPG.
    let agent = table(
        "total/episodes,total/epochs,total/steps,train/loss_actor,train/loss_critic",
        &|row| format!("{},{row},{},-{row}.5,0.{row}\n", 9 * row, 2000 * row),
    );
    assert_eq!(agent, (counted.clone(), None));
    let beside = table("step,total_steps,loss", &|row| {
        format!("{},{row},0.{row}\n", 2000 * row)
    });
    assert_eq!(beside, (counted.clone(), None));
    let planned = table("step,total_steps,loss", &|row| {
        format!("{},90000,0.{row}\n", 2000 * row)
    });
    assert_eq!(planned, (counted, Some(90_000)));
}

#[test]
fn a_header_may_be_a_comment_and_a_comma_decimal() {
    let commented =
        "# written by numpy\n# iter train_loss valid_loss lr\n10 2.5 2.6 0.001\n20 2.4 2.5 0.001\n";
    assert_eq!(
        rows(commented),
        [(10, Some(2.5), Some(2.6)), (20, Some(2.4), Some(2.5))]
    );
    let german = "epoch;loss;val_loss\n1;2,512;2,6\n2;2,4;2,532\n";
    assert_eq!(
        rows(german),
        [(1, Some(2.512), Some(2.6)), (2, Some(2.4), Some(2.532))]
    );
}

fn told(table: &str) -> Decoded {
    let read = crate::format::read_all(table.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "csv", "{table}");
    read.decoded
}

#[test]
fn a_counter_may_say_of_how_many() {
    let expected = [
        (1, Some(2.5), Some(2.6)),
        (2, Some(2.4), Some(2.5)),
        (3, Some(2.3), Some(2.4)),
    ];
    for table in [
        "epoch,train_loss,val_loss\n1/60,2.5,2.6\n2/60,2.4,2.5\n3/60,2.3,2.4\n",
        "epoch,train_loss,val_loss\n[01/60],2.5,2.6\n[02/60],2.4,2.5\n[03/60],2.3,2.4\n",
        "   Epoch  Train_loss  Valid_loss\n    1/60     2.5     2.6\n    2/60     2.4     2.5\n    3/60     2.3     2.4\n",
    ] {
        let (read, decoded) = (rows(table), told(table));
        assert_eq!((read.as_slice(), decoded.skipped), (&expected[..], 0), "{table}");
        assert_eq!(decoded.hints.epochs(), Some(60.0), "{table}");
    }
    let decoded = told("step,loss\n10/2000,2.5\n20/2000,2.4\n");
    assert_eq!(
        (decoded.records.steps(), decoded.total_steps),
        (&[10, 20][..], Some(2000))
    );
    let read = rows("Epoch,Train Loss,Val Loss\nEpoch 4,2.5,2.6\nEpoch 5,2.4,2.5\n");
    assert_eq!(read, [(4, Some(2.5), Some(2.6)), (5, Some(2.4), Some(2.5))]);
}

#[test]
fn a_row_about_those_above_is_none_of_them() {
    let decoded = told("epoch,train_loss,val_loss\n1,2.5,2.6\n2,2.4,2.5\nbest,2.4,2.5\nTest,,2.7\n");
    assert_eq!((decoded.records.steps(), decoded.skipped), (&[1, 2][..], 0));
}

#[test]
fn a_rate_in_brackets_and_sets_that_are_counted() {
    let decoded = told("epoch,loss,lr\n1,2.5,[0.001]\n2,2.4,\"[0.0005, 0.0005]\"\n");
    let rates: Vec<_> = decoded.records.points(Quantity::LearningRate).collect();
    assert_eq!((rates, decoded.skipped), (vec![(1, 0.001), (2, 0.0005)], 0));
    let read = rows(",validation_0-logloss,validation_1-logloss\n0,2.5,2.6\n1,2.4,2.5\n");
    assert_eq!(read, [(0, Some(2.5), Some(2.6)), (1, Some(2.4), Some(2.5))]);
    let read = rows(",validation_0-logloss,validation_10-logloss\n0,2.5,2.6\n1,2.4,2.5\n");
    assert_eq!(read, [(0, None, Some(2.5)), (1, None, Some(2.4))]);
}
