use super::*;

fn role(name: &str) -> Option<&'static str> {
    Names::default().role_of(name).map(|fit| fit.role.name())
}

#[test]
fn spelling_does_not_matter() {
    for name in ["train/loss", "Train Loss", "train-loss", "TRAIN_LOSS"] {
        assert_eq!(role(name), Some("train_loss"), "{name}");
    }
    assert_eq!(role("wsd-run-7 - train/lm_loss"), Some("train_loss"));
    assert_eq!(role("optim/LR (group 0)"), Some("learning_rate"));
    assert_eq!(role("val/c4_loss"), Some("eval_loss"));
    assert_eq!(role("lr-AdamW/pg1"), Some("learning_rate"));
    assert_eq!(role("lr-DecoupledAdamW/group0"), Some("learning_rate"));
    assert_eq!(role("metrics/train/loss"), Some("train_loss"));
    assert_eq!(role("metrics/optim/learning_rate"), Some("learning_rate"));
    assert_eq!(role("train/loss_mean"), Some("train_loss"));
    assert_eq!(role("val_loss_total"), Some("eval_loss"));
    assert_eq!(role("Training Loss (avg over last 100)"), Some("train_loss"));
    assert_eq!(role("x/lr0"), Some("learning_rate"));
    assert_eq!(role("train_mean_nll"), Some("train_loss"));
    assert_eq!(role("test/nll"), Some("eval_loss"));
    assert_eq!(role("validation_loss_nats_per_byte"), Some("eval_loss"));
}

#[test]
fn words_decide_and_not_letters_within_them() {
    assert_eq!(role("semantic loss"), Some("train_loss"));
    assert_eq!(role("discriminator_loss"), None);
    assert_eq!(role("avg_loss_tgt"), Some("train_loss"));
    assert_eq!(role("Avg_Loss_A"), Some("train_loss"));
    assert_eq!(role("val_loss_src"), Some("eval_loss"));
    assert_eq!(role("train_loss_weight"), None);
    assert_eq!(role("loss_bbox"), None);
    let parts = Names::default().assign(&["hard_loss_metric", "full_loss_metric"]);
    assert_eq!(parts.iter().position(Option::is_some), Some(1));
    assert_eq!(role("ema_loss"), None);
    assert_eq!(role("ValLoss"), Some("eval_loss"));
    assert_eq!(role("TrainLoss"), Some("train_loss"));
    assert_eq!(role("epoch_learning_rate"), Some("learning_rate"));
    assert_eq!(role("d_lr"), Some("learning_rate"));
    assert_eq!(role("max_lr"), None);
    let names = [
        "train_loss_nats_per_byte",
        "validation_bpb",
        "validation_loss_nats_per_byte",
    ];
    let roles = Names::default().assign(&names);
    assert_eq!(
        roles.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, true]
    );
}

#[test]
fn losses_on_held_out_data_have_many_names() {
    for name in [
        "Validate Loss",
        "Evaluation loss",
        "validating loss",
        "held-out loss",
        "holdout loss",
        "cv loss",
        "vld_loss",
        "tst_loss",
        "valloss",
        "vloss",
        "val CE",
        "val xent",
        "val bpc",
    ] {
        assert_eq!(role(name), Some("eval_loss"), "{name}");
    }
    assert_eq!(
        (role("trn_loss"), role("train_xent")),
        (Some("train_loss"), Some("train_loss"))
    );
    assert_eq!(role("▁ce"), None);
}

#[test]
fn the_word_next_to_the_loss_says_what_it_was_measured_on() {
    let role_of = |names: [&str; 3]| {
        let roles = Names::default().assign(&names);
        let names: Vec<&str> = roles.iter().map(|role| role.map_or("-", Role::name)).collect();
        names.join(" ")
    };
    for [train, held_out] in [
        ["eval_train_loss", "eval_val_loss"],
        ["eval_train_loss", "eval_validation_loss"],
        ["Eval/Train loss", "Eval/Dev loss"],
        ["test_training_loss", "test_heldout_loss"],
    ] {
        assert_eq!(role_of(["loss", train, held_out]), "train_loss - eval_loss");
        assert_eq!(role(train), Some("train_loss"), "{train}");
    }
    assert_eq!(role("train/eval_loss"), Some("eval_loss"));
    assert_eq!(role("latest_loss"), Some("train_loss"));
}

#[test]
fn a_loggers_own_word_is_not_part_of_a_name_that_begins_with_it() {
    assert_eq!(role("data/loss"), Some("train_loss"));
    assert_eq!(role("data_time"), None);
    assert_eq!(role("history.val_loss"), Some("eval_loss"));
    assert_eq!(role("metric_time"), None);
}

#[test]
fn auxiliary_losses_are_not_the_objective() {
    for name in [
        "z_loss",
        "moe/aux_loss",
        "load_balancing_loss",
        "mtp_1 loss",
        "best_loss",
        "TimeLoss",
    ] {
        assert_eq!(role(name), None, "{name}");
    }
}

#[test]
fn of_two_players_the_generator_leads() {
    for names in [
        ["D loss", "G loss"],
        ["Loss/D/loss/mean", "Loss/G/loss/mean"],
        ["Loss_D", "Loss_G"],
        ["train/disc_loss", "train/gen_loss"],
        ["critic_loss", "generator_loss"],
        ["DLoss", "GLoss"],
    ] {
        let roles = Names::default().assign(&names);
        assert_eq!(roles, [None, Some(Role::of(Quantity::TrainLoss))], "{names:?}");
        let players = names.map(player);
        assert_eq!(
            players,
            [Some(Player::Discriminator), Some(Player::Generator)],
            "{names:?}"
        );
    }
    for names in [
        ["g_adv_loss", "g_loss_total"],
        ["gen_l1_loss", "gen_total_loss"],
        ["gan_loss", "loss_G"],
        ["adversarial_loss", "pixel_loss"],
        ["d_loss", "adv_loss"],
    ] {
        let roles = Names::default().assign(&names);
        assert_eq!(roles, [None, Some(Role::of(Quantity::TrainLoss))], "{names:?}");
    }
    for rates in [
        ["d_lr", "g_lr"],
        ["disc_learning_rate", "gen_learning_rate"],
        ["lr/discriminator", "lr/generator"],
    ] {
        let roles = Names::default().assign(&rates);
        assert_eq!(roles, [None, Some(Role::of(Quantity::LearningRate))], "{rates:?}");
    }
    assert_eq!(role("lr_generator"), Some("learning_rate"));
    assert_eq!(role("lr_decay"), None);
    assert_eq!(role("d_loss"), Some("train_loss"));
    assert_eq!(
        (player("loss"), player("D(x)"), player("id_loss")),
        (None, None, None)
    );
}

#[test]
fn of_an_agent_the_value_function_leads() {
    for names in [
        ["train/loss_actor", "train/loss_critic"],
        ["policy_loss", "value_loss"],
        ["loss/policy_loss", "loss/value_loss"],
        ["LossPi", "LossV"],
        ["entloss", "loss_vf_loss"],
        ["ent_coef_loss", "qf1_loss"],
    ] {
        let roles = Names::default().assign(&names);
        assert_eq!(roles, [None, Some(Role::of(Quantity::TrainLoss))], "{names:?}");
    }
    let roles = Names::default().assign(&["policy_loss", "value_loss", "loss"]);
    assert_eq!(roles.iter().position(Option::is_some), Some(2));
    assert_eq!(role("policy_loss"), Some("train_loss"));
    assert_eq!(
        agent_part("default_policy/vf_loss"),
        Some(AgentPart::ValueFunction)
    );
    assert_eq!(agent_part("critic/loss"), Some(AgentPart::ValueFunction));
    assert_eq!((agent_part("loss"), agent_part("policy_entropy")), (None, None));
}

#[test]
fn the_better_name_wins_whatever_the_order() {
    let names = Names::default();
    let roles = |columns: &[&str]| {
        names
            .assign(columns)
            .iter()
            .map(|role| role.map_or("-", Role::name))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        roles(&["_step", "train/global_step", "loss"]),
        "- step train_loss"
    );
    assert_eq!(
        roles(&["train_loss_epoch", "train_loss_step", "step"]),
        "- train_loss step"
    );
    assert_eq!(roles(&["global_step", "loss", "train/loss"]), "step train_loss -");
    assert_eq!(roles(&["d_loss_batch", "g_loss_batch"]), "- train_loss");
    assert_eq!(
        roles(&["_step", "epoch/epoch", "epoch/loss"]),
        "step epoch train_loss"
    );
}

#[test]
fn what_is_tested_comes_after_what_is_validated() {
    let leads = |names: [&str; 2]| Names::default().assign(&names).iter().position(Option::is_some);
    for validation in ["val_loss", "val_loss_epoch", "valid_loss_epoch", "val/c4_loss"] {
        assert_eq!(leads(["test_loss", validation]), Some(1), "{validation}");
    }
    assert_eq!(leads(["test/acc", "test/loss"]), Some(1));
}

#[test]
fn a_declared_name_beats_the_table() {
    let mut names = Names::default();
    names.declare("objective/main", Role::of(Quantity::TrainLoss));
    assert_eq!(
        names.assign(&["loss", "objective/main"]),
        vec![None, Some(Role::of(Quantity::TrainLoss))]
    );
    assert!(names.declares("Objective/Main") && !names.declares("loss"));
    assert!(names.missing_among(["objective_main"].into_iter()).is_empty());
    assert_eq!(names.missing_among(["loss"].into_iter()), ["objective/main"]);
}

#[test]
fn the_whole_of_a_loss_goes_before_its_parts() {
    for names in [
        ["train_recon_loss", "train_total_loss"],
        ["val_recon_loss", "val_total_loss"],
        ["loss_recon", "loss_total"],
        ["val_loss_recon", "val_loss_total"],
        ["loss/ce", "loss/total"],
        ["nll_loss", "total_loss"],
        ["total_loss", "lm_loss"],
        ["validation/ce", "validation/total_loss"],
        ["recon_loss", "Total_train_loss"],
        ["total_box_loss", "total_loss"],
        ["total_loss", "loss"],
        ["total_loss", "avg_loss"],
        // The sum of all batches, or of all tokens.
        ["total_loss", "batch_loss"],
        ["total_loss_sum", "nll_loss"],
    ] {
        let roles = Names::default().assign(&names);
        assert_eq!(roles.iter().position(Option::is_some), Some(1), "{names:?}");
    }
    assert!(is_total_of("val_total", "val_recon_loss") && is_total_of("Total", "KL"));
    assert!(!is_total_of("train_total", "val_recon") && !is_total_of("time/total", "time/data"));
    assert_eq!(
        (role("total"), role("train_total"), role("total_time")),
        (None, None, Some("elapsed_seconds"))
    );
}

#[test]
fn a_loss_may_go_by_another_name() {
    let mut names = Names::default();
    names.call_the_loss("mse");
    let role = |name: &str| names.role_of(name).map(|fit| fit.role.name());
    for name in ["mse", "train_mse", "TrainMSE", "mse/train", "avg mse"] {
        assert_eq!(role(name), Some("train_loss"), "{name}");
    }
    assert_eq!(
        (role("valid_1_mse"), role("Val MSE")),
        (Some("eval_loss"), Some("eval_loss"))
    );
    assert_eq!(
        (role("val_mse_x"), role("rmse"), role("mse_weight")),
        (None, None, None)
    );
}

#[test]
fn a_loss_may_say_in_brackets_how_it_is_measured() {
    for name in [
        "Train Loss (MSE)",
        "train_loss [a.u.]",
        "Loss (L1)",
        "MSE loss (train)",
        "Loss_Train_Avg",
    ] {
        assert_eq!(role(name), Some("train_loss"), "{name}");
    }
    assert_eq!(
        (role("Val Loss (MSE)"), role("loss_dev")),
        (Some("eval_loss"), Some("eval_loss"))
    );
    assert_eq!((role("Time [s]"), role("loss (kl)")), (None, None));
    assert_eq!(role("valid loss/mse"), Some("eval_loss"));
    assert_eq!(role("lr(CosineAnnealingDecay)"), Some("learning_rate"));
    assert_eq!((role("lr (max)"), role("lr_cosine")), (None, None));
    assert_eq!(role("stage/traing_loss_val"), None);
}

#[test]
fn a_power_of_ten_in_brackets_is_the_unit() {
    for (name, quantity, power) in [
        ("train/lr(1e-3)", Quantity::LearningRate, 1e-3),
        ("lr (x1e-4)", Quantity::LearningRate, 1e-4),
        ("loss(1e2)", Quantity::TrainLoss, 1e2),
    ] {
        let Some(Role::Value {
            quantity: found,
            scale,
        }) = Names::default().role_of(name).map(|fit| fit.role)
        else {
            panic!("{name} has no role");
        };
        assert!(found == quantity && (scale / power - 1.0).abs() < 1e-12, "{name}");
    }
    assert_eq!((role("step(1e3)"), role("lr(1e-3")), (None, None));
}

#[test]
fn a_counter_has_many_names() {
    let roles = Names::default().assign(&["epoch_num", "step", "optimizer_steps", "env_steps"]);
    let names: Vec<&str> = roles.iter().map(|role| role.map_or("-", Role::name)).collect();
    assert_eq!(names, ["epoch", "-", "step", "-"]);
    for name in ["completed_steps", "step_idx", "batches_done", "env_steps"] {
        assert_eq!(role(name), Some("step"), "{name}");
    }
    // As often settings: of a diffusion, of spiking neurons, of the optimiser, of the whole run.
    for name in ["timesteps", "num_timesteps", "gradient_steps", "train_steps"] {
        assert_eq!(role(name), None, "{name}");
    }
}

#[test]
fn a_name_goes_before_the_same_below_a_loggers_word() {
    let names = ["extra/loss", "fields/step", "loss", "metrics/global_step", "step"];
    let roles = Names::default().assign(&names);
    let names: Vec<&str> = roles.iter().map(|role| role.map_or("-", Role::name)).collect();
    assert_eq!(names, ["-", "-", "train_loss", "-", "step"]);
    assert!(
        Names::default()
            .role_of("record/extra/global_step")
            .is_some_and(counts_the_run)
    );
}
