use super::EVALUATED;
use super::{Points, drawing, three_epochs, training};
use crate::format::read_all;
use crate::format::text::progress::epoch;
use crate::metric::{Names, Quantity};

#[test]
fn another_training_begins_below_the_heading_of_its_first_epoch() {
    for epochs in [1, 2] {
        let epoch = |epoch: u64| format!("Epoch {epoch}/{epochs}\n{}", training("Train", epoch));
        let training: String = (1..=epochs).map(epoch).collect();
        let read = read_all(training.repeat(3).as_bytes(), &Names::default()).unwrap();
        let steps: Vec<u64> = (1..=3 * epochs).map(|step| 10 * step).collect();
        assert_eq!(read.decoded.records.steps(), steps.repeat(3), "{epochs}");
    }
}

#[test]
fn epochs_may_be_told_outside_of_their_bars() {
    let outer = |epoch: u64| {
        let metrics = if epoch == 1 { "" } else { ", best=0.5" };
        drawing("Epochs", epoch - 1, 40, metrics) + "\n" + &training("Batches", epoch)
    };
    assert_eq!(three_epochs(&outer).2, Some(1200));
    let within = |epoch: u64| training("", epoch).replace("loss", &format!("epoch={epoch}/40, loss"));
    assert_eq!(three_epochs(&within).2, Some(1200));
    let described = |epoch: u64| {
        let description = |done: u64| format!("Epochs {}/40. Running Loss:    2.{epoch}{done}", epoch - 1);
        let done = [10, 20, 30].iter();
        done.map(|done| drawing(&description(*done), *done, 30, ""))
            .collect()
    };
    let (train, _, total) = three_epochs(&described);
    assert_eq!((train.last(), total), (Some(&(90, 2.33)), Some(1200)));
}

#[test]
fn the_last_drawings_that_a_terminal_keeps_are_epochs() {
    let of_epoch = |heading: &'static str, train: &'static str, held_out: &'static str| {
        move |epoch: u64| {
            let train = drawing(train, 30, 30, &format!(", loss - 3.{epoch}")).replace('\r', "");
            let held_out = drawing(held_out, 8, 8, &format!(", loss - 2.{epoch}")).replace('\r', "\n");
            (heading.to_owned() + &train + &held_out + "\n").replace("NN", &epoch.to_string())
        }
    };
    let expected: Points = vec![(30, 3.1), (60, 3.2), (90, 3.3)];
    let named = of_epoch("", "Epoch NN/40 [Train]", "Epoch NN/40 [Val]");
    assert_eq!(
        three_epochs(&named),
        (expected.clone(), EVALUATED.to_vec(), Some(1200))
    );
    let headed = of_epoch("\nEpoch: NN\n", "train", "valid");
    assert_eq!(three_epochs(&headed), (expected, EVALUATED.to_vec(), None));
}

#[test]
fn a_whole_bar_that_is_drawn_again_is_no_epoch() {
    let last_step = |content: String| {
        let read = read_all(content.as_bytes(), &Names::default()).ok()?;
        read.decoded.records.steps().last().copied()
    };
    let again = "Epoch 1 done\n".to_owned() + &drawing("Training", 30, 30, ", loss=2.9") + "\n";
    assert_eq!(last_step(training("Training", 1) + &again), Some(30));
    // Those of several trainings.
    let whole = |run: u64| drawing("Training", 30, 30, &format!(", loss=2.{run}")) + "\nRun finished\n";
    assert_ne!(last_step((1..5).map(whole).collect()), Some(120));
}

#[test]
fn a_bar_of_images_that_other_output_interrupts_does_not_go_back() {
    let mut content = String::new();
    for epoch in 1..4 {
        for _ in 0..2 {
            content += &format!(
                "Epoch {epoch}/40:  21%|██▌       | 96/465 [00:01<00:05, 64.57img/s, loss (batch)=0.951]INFO: Validation Dice score: 0.2\n"
            );
        }
        content += &format!(
            "Epoch {epoch}/40: 100%|██████████| 465/465 [00:08<00:00, 57.20img/s, loss (batch)=0.{epoch}]\n"
        );
    }
    let log = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &log.decoded.records;
    let steps = [96, 465, 561, 930, 1026, 1395];
    assert_eq!((log.format, records.steps()), ("progress-bar", steps.as_slice()));
    assert_eq!(log.decoded.total_steps, Some(40 * 465));
}

#[test]
fn one_point_a_step() {
    let content = "\rEpoch 0:   0%|          | 0/4 [00:00<?, ?it/s]\rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.830]\
            \rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.700]\rEpoch 0:  50%|#####     | 2/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.5]\
            \rValidation DataLoader 0:  50%|#####     | 1/2 [00:00<00:00, 99.0it/s, val_loss=9.0]\rEpoch 0:  75%|###     | 3/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.2, val_loss=4.1]\
            \rEpoch 0: 100%|###     | 4/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.2, val_loss=4.1]\rEpoch 0: 100%|###     | 4/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.0, val_loss=4.1]\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!((read.format, read.decoded.total_steps), ("progress-bar", None));
    assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4]);
    assert_eq!(read.decoded.records.value(0, Quantity::TrainLoss), Some(4.7));
    assert_eq!(read.decoded.records.value(2, Quantity::EvalLoss), Some(4.1));
    assert_eq!(read.decoded.records.value(3, Quantity::EvalLoss), None);
    assert_eq!(read.decoded.records.value(3, Quantity::TrainLoss), Some(4.0));
}

#[test]
fn bars_of_several_epochs_count_on() {
    let read = |first: u64, of: &str| {
        let drawing = |epoch: u64, batch: u64| {
            format!(
                "\rEpoch {epoch}{of}: {batch}0%|#  | {batch}/10 [00:00<00:01,  2.00it/s, loss={}.5]",
                90 - 10 * epoch - batch
            )
        };
        let content: String = (0..3)
            .flat_map(|epoch| (1..=10).map(move |batch| drawing(first + epoch, batch)))
            .collect();
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        let steps = decoded.records.steps();
        (steps[0], steps[steps.len() - 1], decoded.total_steps)
    };
    assert_eq!(read(0, ""), (1, 30, None));
    assert_eq!(epoch("Epoch: 3"), Some((3, None)));
    assert_eq!(epoch("001/200"), Some((1, Some(200))));
    assert_eq!(epoch("Steps"), None);
    assert_eq!(read(0, "/7"), (1, 30, Some(80)));
    assert_eq!(read(1, "/8"), (1, 30, Some(80)));
}

#[test]
fn bars_without_an_end_or_past_it_count_on() {
    let read = |content: &str| {
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        let records = &decoded.records;
        let last = records.value(records.len() - 1, Quantity::TrainLoss);
        (records.steps().to_vec(), last, decoded.total_steps)
    };
    let drawing = |epoch: u64, batch: u64| {
        let loss = 90 - 10 * epoch - batch / 100;
        format!("Epoch {epoch}: : {batch}it [00:06, 139.33it/s, v_num=1, train_loss={loss}.5]\n")
    };
    // An epoch may be a little longer than the one before.
    let lengths = [(0, 910), (1, 912), (2, 910)];
    let content: String = lengths
        .iter()
        .flat_map(|(epoch, length)| [drawing(*epoch, 400), drawing(*epoch, *length)])
        .collect();
    let steps = vec![400, 910, 1310, 1822, 2222];
    assert_eq!(read(&content), (steps, Some(66.5), None));
    // tqdm draws no bar once it has come past its end.
    let epochs: String = (0..4)
        .map(|epoch| {
            format!(
                "epoch: {epoch}/199:  44%|####    | 400/896 [00:03<00:01, 139.33it/s, loss=0.5{epoch}]\r\
                     epoch: {epoch}/199: : 910it [00:06, 139.33it/s, loss=0.4{epoch}]\neval psnr: 16.88\n"
            )
        })
        .collect();
    let steps = vec![400, 910, 1310, 1820, 2220, 2730, 3130, 3640];
    assert_eq!(read(&epochs), (steps, Some(0.43), Some(200 * 910)));
    let last_drawings = epochs.replace('\r', "\n");
    let last_drawings: String = last_drawings
        .split_inclusive('\n')
        .filter(|line| !line.contains("/896"))
        .collect();
    let steps = vec![910, 1820, 2730, 3640];
    assert_eq!(read(&last_drawings), (steps, Some(0.43), Some(200 * 910)));
}

#[test]
fn the_last_step_of_a_bar_counts_once_something_else_follows() {
    let steps = |behind: &str| {
        let drawing = |step| format!("steps: {step}/4 [00:01<00:01,  1.31s/it, avr_loss=0.{step}]");
        let content: String = (1..=4)
            .map(|step| drawing(step).replacen(": ", ": 25%|#  | ", 1) + "\n")
            .collect();
        let decoded = read_all((content + behind).as_bytes(), &Names::default())
            .unwrap()
            .decoded;
        decoded.records.steps().to_vec()
    };
    assert_eq!(steps(""), [1, 2, 3, 4]);
    assert_eq!(steps("model saved.\n"), [1, 2, 3, 4]);
    assert_eq!(
        steps("Validation: 10%|#  | 1/9 [00:01<00:01,  1.31s/it, loss=9]\n"),
        [1, 2, 3, 4]
    );
}

#[test]
fn a_bar_of_the_run_that_starts_again_is_another_training() {
    let drawing = |step| format!("steps:  25%|#  | {step}/4 [00:01<00:01,  1.31s/it, avr_loss=0.{step}]\n");
    let training: String = (1..=4).map(drawing).collect::<String>() + "model saved.\n";
    let decoded = read_all(training.repeat(2).as_bytes(), &Names::default())
        .unwrap()
        .decoded;
    assert_eq!(
        (decoded.records.steps(), decoded.total_steps),
        ([1, 2, 3, 4, 1, 2, 3, 4].as_slice(), Some(4))
    );
}

#[test]
fn an_epoch_is_no_whole_run() {
    let read = |description: &str, epochs: u64| {
        let drawing = |epoch: u64, batch: u64| {
            let loss = 90 - 10 * epoch - batch;
            format!("\r{description} {batch}0%|#  | {batch}/10 [00:00<00:01,  2.00it/s, loss={loss}.5]")
        };
        let content: String = (0..epochs)
            .flat_map(|epoch| (1..=10).map(move |batch| drawing(epoch, batch)))
            .collect();
        let content = format!("num_epochs: 5\n{content}\n");
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        let mut run = crate::run::Run::new(crate::run::Identity {
            id: String::new(),
            path: std::path::PathBuf::new(),
            format: "progress-bar",
        });
        run.apply(&decoded);
        (
            run.last_step(),
            run.segments(),
            decoded.total_steps,
            run.logged_total_steps(),
        )
    };
    // What is stated of the epochs tells the end, once bars are known to be epochs.
    assert_eq!(read("Training:", 3), (30, 1, None, Some(50)));
    assert_eq!(read("Training:", 1), (10, 1, None, None));
    // One that says nothing is the whole run until there is a second one.
    assert_eq!(read("", 1), (10, 1, Some(10), Some(10)));
    assert_eq!(read("Epoch [2][0/100]", 1), (20, 1, None, Some(50)));
    assert_eq!(read("Training progress:", 1), (10, 1, Some(10), Some(10)));
}
