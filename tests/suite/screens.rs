//! The screens, drawn into a buffer from real runs at a fixed time.

use std::sync::Arc;

use losscast::engine::{Engine, Options};
use losscast::format::read_all;
use losscast::metric::Names;
use losscast::run::Identity;
use losscast::snapshot::{Problem, Snapshot};
use losscast::source::{FileKey, SourceEvent};
use losscast::ui::app::App;
use losscast::ui::keys::{Action, View};
use losscast::ui::theme::{DARK, Symbols};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

const NOW: f64 = 1_800_000_000.0;
const WRITTEN: f64 = NOW - 10.0;

/// What the engine makes of logs with these ids and contents, all fits done.
fn snapshot(logs: &[(&str, Vec<u8>)]) -> Arc<Snapshot> {
    let mut engine = engine(logs, WRITTEN);
    while let Some(job) = engine.next_job(NOW) {
        engine.finish(job.run(), NOW);
    }
    Arc::new(engine.snapshot(NOW))
}

/// An engine that has read these logs, which were `modified` last, and has fitted nothing.
fn engine(logs: &[(&str, Vec<u8>)], modified: f64) -> Engine {
    let mut engine = Engine::new(Options::default());
    for (index, (id, content)) in logs.iter().enumerate() {
        let whole = read_all(content, &Names::default()).unwrap();
        let key = FileKey(index as u32);
        let identity = Identity {
            id: (*id).to_owned(),
            path: (*id).into(),
            format: whole.format,
        };
        engine.apply(SourceEvent::Found { key, identity }, NOW);
        let decoded = Box::new(whole.decoded);
        engine.apply(
            SourceEvent::Records {
                key,
                decoded,
                modified,
            },
            NOW,
        );
    }
    engine.apply(SourceEvent::CaughtUp, NOW);
    engine
}

pub fn samples() -> Arc<Snapshot> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_logs");
    let logs: Vec<(&str, Vec<u8>)> = [
        "slimpajama-124m/cosine-lr1e-3.csv",
        "slimpajama-124m/wsd-lr1e-3.csv",
        "slimpajama-124m/wsd-long-decay-lr1e-3.csv",
        "llm.c-gpt2-124m/main.log",
        "llm.c-gpt2-124m-nan/train.log",
        "tiny-lm/fp16-lr0.1.megatron.log",
    ]
    .into_iter()
    .map(|id| (id, std::fs::read(folder.join(id)).unwrap()))
    .collect();
    snapshot(&logs)
}

fn app() -> App {
    App::new("runs".to_owned(), &DARK, Symbols::Braille)
}

fn draw(app: &App, snapshot: &Snapshot, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| losscast::ui::draw(app, snapshot, frame))
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The characters of a screen, without blanks at the ends of lines.
fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let mut lines: Vec<String> = buffer
        .content
        .chunks(width)
        .map(|line| {
            let line: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        })
        .collect();
    lines.push(String::new());
    lines.join("\n")
}

/// The same without the dots of the charts, whose last bit may differ between machines.
fn words(buffer: &Buffer) -> String {
    text(buffer)
        .chars()
        .map(|character| {
            if ('\u{2800}'..='\u{28ff}').contains(&character) {
                ' '
            } else {
                character
            }
        })
        .collect::<String>()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

#[test]
fn the_overview_of_real_runs() {
    let snapshot = samples();
    insta::assert_snapshot!("overview_80x24", words(&draw(&app(), &snapshot, 80, 24)));
    insta::assert_snapshot!("overview_120x30", words(&draw(&app(), &snapshot, 120, 30)));
}

#[test]
fn one_run_in_detail() {
    let snapshot = samples();
    let mut app = app();
    app.selected = Some("slimpajama-124m/wsd-long-decay-lr1e-3.csv".to_owned());
    app.update(Action::Open, &snapshot);
    insta::assert_snapshot!("detail_80x24", words(&draw(&app, &snapshot, 80, 24)));
    insta::assert_snapshot!("detail_120x40", words(&draw(&app, &snapshot, 120, 40)));
    let dots = text(&draw(&app, &snapshot, 120, 40))
        .chars()
        .filter(|character| ('\u{2801}'..='\u{28ff}').contains(character))
        .count();
    assert!(dots > 500, "the chart is nearly empty: {dots} cells");
}

#[test]
fn marked_runs_over_each_other_and_all_alerts() {
    let snapshot = samples();
    let mut app = app();
    for run in &snapshot.runs {
        if run.id.starts_with("slimpajama") {
            app.marked.insert(run.id.clone());
        }
    }
    app.update(Action::View(View::Compare), &snapshot);
    insta::assert_snapshot!("compare_100x30", words(&draw(&app, &snapshot, 100, 30)));
    app.update(Action::View(View::Alerts), &snapshot);
    insta::assert_snapshot!("alerts_100x30", words(&draw(&app, &snapshot, 100, 30)));
    app.update(Action::Help, &snapshot);
    insta::assert_snapshot!("help_80x24", words(&draw(&app, &snapshot, 80, 24)));
}

#[test]
fn a_filter_that_hides_everything_is_named_in_every_view_of_runs() {
    let snapshot = samples();
    let mut app = app();
    app.filter = "nosuchrun".parse().unwrap();
    for view in [View::Overview, View::Detail, View::Compare, View::Alerts] {
        app.update(Action::View(view), &snapshot);
        let screen = text(&draw(&app, &snapshot, 80, 24));
        assert!(
            screen.contains("No run passes the filter `nosuchrun`"),
            "{screen}"
        );
    }
}

#[test]
fn the_same_key_takes_an_acknowledgement_back() {
    let snapshot = samples();
    let mut app = app();
    app.update(Action::View(View::Alerts), &snapshot);
    app.update(Action::Acknowledge, &snapshot);
    let screen = text(&draw(&app, &snapshot, 100, 30));
    assert_eq!(screen.lines().filter(|line| line.starts_with("seen ")).count(), 1);
    assert!(screen.contains("seen: loss not finite of llm.c"), "{screen}");
    app.update(Action::Acknowledge, &snapshot);
    assert!(app.acknowledged.is_empty());
    app.view = View::Overview;
    app.selected = Some("tiny-lm/fp16-lr0.1.megatron.log".to_owned());
    app.update(Action::Acknowledge, &snapshot);
    assert!(
        app.notice.starts_with("seen: 3 alerts of tiny-lm"),
        "{}",
        app.notice
    );
    app.update(Action::Acknowledge, &snapshot);
    assert!(app.acknowledged.is_empty());
}

/// Small runs without tokens and without times.
fn small(count: usize) -> Arc<Snapshot> {
    let names: Vec<String> = (0..count).map(|index| format!("r{index:02}.csv")).collect();
    let logs: Vec<(&str, Vec<u8>)> = names
        .iter()
        .map(|name| (name.as_str(), b"step,loss\n1,3\n2,2\n3,1\n".to_vec()))
        .collect();
    snapshot(&logs)
}

#[test]
fn a_key_that_cannot_act_says_so() {
    let snapshot = small(1);
    let mut app = app();
    for action in [
        Action::XAxis,
        Action::Pan(1),
        Action::Zoom(-1),
        Action::Outliers,
        Action::Forecast,
        Action::Raw,
        Action::Theme,
        Action::Symbols,
        Action::LogY,
        Action::Back,
    ] {
        app.update(action, &snapshot);
        assert!(!app.notice.is_empty(), "{action:?}");
    }
    app.update(Action::View(View::Files), &snapshot);
    app.update(Action::Mark, &snapshot);
    assert!(!app.notice.is_empty() && app.marked.is_empty());
}

#[test]
fn a_comparison_says_how_many_of_the_marked_runs_it_shows() {
    let snapshot = small(13);
    let mut app = app();
    app.update(Action::MarkAll, &snapshot);
    app.update(Action::View(View::Compare), &snapshot);
    let screen = text(&draw(&app, &snapshot, 80, 40));
    assert!(screen.contains("12 of 13"), "{screen}");
}

#[test]
fn the_column_that_sorts_is_marked() {
    let snapshot = small(2);
    let mut app = app();
    assert!(text(&draw(&app, &snapshot, 80, 24)).contains("by attention"));
    app.update(Action::Sort, &snapshot);
    app.update(Action::Reverse, &snapshot);
    assert!(text(&draw(&app, &snapshot, 80, 24)).contains("PROJECTED 80%▼"));
}

#[test]
fn a_list_that_does_not_fit_says_where_it_stands() {
    let snapshot = small(30);
    let mut app = app();
    app.update(Action::Last, &snapshot);
    let screen = text(&draw(&app, &snapshot, 80, 24));
    assert!(screen.contains("RUN 30 of 30"), "{screen}");
}

/// The lines above the runs.
fn banner(app: &App, snapshot: &Snapshot, width: u16, height: u16) -> Vec<String> {
    let screen = words(&draw(app, snapshot, width, height));
    let lines = screen.lines().skip(1);
    lines
        .take_while(|line| !line.contains("RUN"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_gravest_comes_first_and_what_is_left_out_is_counted_in_the_corner() {
    let snapshot = samples();
    let lines = banner(&app(), &snapshot, 80, 24);
    let [nan, fp16, crossover] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    // The end of its job is newer, but says less.
    assert!(
        nan.starts_with("!! llm.c") && nan.contains("Loss is NaN since step 1"),
        "{nan}"
    );
    assert!(fp16.starts_with("!! tiny-lm"), "{fp16}");
    assert!(crossover.starts_with("⇅ "), "{crossover}");
    let mut snapshot = Snapshot::clone(&snapshot);
    let silent = snapshot.runs.iter_mut().find(|run| run.id.contains("wsd-lr1e-3"));
    let silent = Arc::make_mut(silent.unwrap());
    silent.alerts.push(losscast::alert::Alert::at(
        21_000,
        "loss_spike",
        losscast::alert::Severity::Warning,
    ));
    let lines = banner(&app(), &snapshot, 80, 24);
    assert!(
        lines[2].starts_with("!  ") && lines[2].ends_with("  +1 more: a"),
        "{lines:?}"
    );
    assert_eq!(lines[2].chars().count(), 80);
}

#[test]
fn of_many_runs_the_likely_winner_is_told_and_how_many_may_stop() {
    use losscast::snapshot::{Advice, AdviceKind, Contest, Prospect};
    let mut snapshot = Snapshot::clone(&small(12));
    snapshot.prospects = snapshot
        .runs
        .iter()
        .enumerate()
        .map(|(index, run)| Prospect {
            run: run.id.clone(),
            contest: Some(Contest {
                quantity: losscast::metric::Quantity::TrainLoss,
                chance: if index == 4 { 0.4 } else { 0.05 },
                lower: usize::from(index != 4),
                chance_as_good: 0.1,
                runs: 12,
                best_rival: if index == 4 { "r05.csv" } else { "r04.csv" }.to_owned(),
                behind: 0.1,
            }),
            other_contest: None,
            advice: (index > 4).then(|| Advice {
                kind: AdviceKind::StopOutclassed,
                probability: 0.99,
                saved_steps: 100,
                saved_seconds: None,
                message: "others end lower".to_owned(),
            }),
        })
        .collect();
    let lines = banner(&app(), &snapshot, 80, 24);
    let told = "r04.csv is the likely winner of 12 runs (P 0.40); 7 advised to stop";
    let shorter = told.replace(".csv", "");
    assert!(lines.len() == 1 && lines[0].ends_with(&shorter), "{lines:?}");
}

#[test]
fn on_a_terminal_of_ascii_nothing_else_is_written() {
    let snapshot = samples();
    for help in [false, true] {
        for view in [
            View::Overview,
            View::Detail,
            View::Compare,
            View::Alerts,
            View::Files,
        ] {
            let mut app = App::new("läufe".to_owned(), &DARK, Symbols::Ascii);
            app.update(Action::View(view), &snapshot);
            app.help = help;
            for width in [60, 80, 200] {
                let screen = text(&draw(&app, &snapshot, width, 24));
                let beyond: String = screen.chars().filter(|character| !character.is_ascii()).collect();
                assert_eq!(beyond, "", "{view:?}: {screen}");
            }
        }
    }
    let app = App::new("runs".to_owned(), &DARK, Symbols::Ascii);
    let screen = text(&draw(&app, &snapshot, 80, 24));
    assert!(screen.contains("3.074+-.016"), "{screen}");
}

#[test]
fn a_narrow_header_keeps_the_runs_that_are_lost() {
    let head = |width: u16| {
        let screen = text(&draw(&app(), &samples(), width, 24));
        screen.lines().next().unwrap().to_owned()
    };
    assert!(
        head(80).contains("1 diverged 4 training 1 finished"),
        "{}",
        head(80)
    );
    assert!(head(40).contains("1 diverged 4 training"), "{}", head(40));
    assert!(head(32).contains("1 diverged"), "{}", head(32));
    assert!(!head(32).contains("training"), "{}", head(32));
}

#[test]
fn where_there_is_no_run_the_reason_stands_in_the_middle() {
    let mut snapshot = Snapshot {
        problems: vec![Problem {
            path: "ssh://node/runs".into(),
            message: losscast::source::feed::CONNECTING.to_owned(),
        }],
        ..Snapshot::default()
    };
    let screen = |snapshot: &Snapshot| words(&draw(&app(), snapshot, 80, 24));
    assert!(screen(&snapshot).contains("ssh://node/runs: connecting"));
    snapshot.problems[0].message = "ssh: connection refused; trying again".to_owned();
    let screen = screen(&snapshot);
    assert!(screen.contains("connection refused; trying again"), "{screen}");
    assert!(screen.contains("No logs with a loss found"), "{screen}");
}

#[test]
fn a_screen_that_is_too_small_says_what_it_needs() {
    let screen = text(&draw(&app(), &samples(), 80, 4));
    assert!(screen.contains("20x5"), "{screen}");
}

/// Three runs that compete, under short names.
fn rivals() -> Arc<Snapshot> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_logs/slimpajama-124m");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    snapshot(&[
        ("lr1_cos.csv", read("cosine-lr1e-3.csv")),
        ("lr1_long.csv", read("wsd-long-decay-lr1e-3.csv")),
        ("lr1_wsd.csv", read("wsd-lr1e-3.csv")),
    ])
}

#[test]
fn short_names_leave_the_room_to_the_columns() {
    let title = |width: u16| {
        let screen = words(&draw(&app(), &rivals(), width, 24));
        let title = screen.lines().find(|line| line.contains("RUN "));
        title.unwrap_or_default().to_owned()
    };
    let narrow = title(80);
    assert!(narrow.contains(" ETA ") && narrow.contains("P LOW"), "{narrow}");
    assert!(!narrow.contains("SCHEDULE"), "{narrow}");
    let wide = title(200);
    assert!(wide.contains("PEAK LR SCHEDULE"), "{wide}");
}

#[test]
fn losses_of_evaluation_are_marked_where_their_column_is_dropped() {
    let snapshot = snapshot(&[
        ("one.csv", b"step,loss\n1,3\n2,2\n3,1\n".to_vec()),
        ("two.csv", b"step,val_loss\n1,3\n2,2\n3,1\n".to_vec()),
    ]);
    let screen = |width: u16| words(&draw(&app(), &snapshot, width, 24));
    assert!(screen(120).contains(" OF "), "{}", screen(120));
    let screen = screen(50);
    assert!(!screen.contains(" OF "), "{screen}");
    let marked = |name: &str| {
        let line = screen
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or_default();
        line.contains(" ev ")
    };
    assert!(marked("two") && !marked("one"), "{screen}");
}

#[test]
fn a_run_takes_one_line_of_the_notices_and_a_finished_one_the_last() {
    let mut snapshot = Snapshot::clone(&samples());
    let notices = |snapshot: &Snapshot| banner(&app(), snapshot, 120, 40);
    let before = notices(&snapshot);
    let of = |lines: &[String], name: &str| lines.iter().position(|line| line.contains(name));
    let fp16 = before.iter().filter(|line| line.contains("fp16"));
    assert_eq!(fp16.count(), 1, "{before:?}");
    assert!(
        before[0].contains("nan/") && before[0].ends_with("(+2)"),
        "{before:?}"
    );
    for run in &mut snapshot.runs {
        if run.id.contains("nan") {
            Arc::make_mut(run).state = losscast::snapshot::State::Finished;
        }
    }
    let after = notices(&snapshot);
    assert_eq!(of(&after, "nan/"), Some(after.len() - 1), "{after:?}");
}

#[test]
fn what_is_foreseen_stands_below_the_alerts_and_leads_to_its_run() {
    let snapshot = samples();
    let mut app = app();
    app.update(Action::View(View::Alerts), &snapshot);
    app.update(Action::Last, &snapshot);
    let screen = words(&draw(&app, &snapshot, 100, 30));
    let lines = screen.lines().filter(|line| line.starts_with("⇅  "));
    assert_eq!(lines.count(), 2, "{screen}");
    app.update(Action::Mute, &snapshot);
    assert_eq!(app.notice, "no alert here to mute");
    app.update(Action::Open, &snapshot);
    assert_eq!(app.view, View::Detail);
    assert_eq!(app.selected.as_deref(), Some("slimpajama-124m/wsd-lr1e-3.csv"));
    app.filter = "cosine".parse().unwrap();
    app.view = View::Overview;
    let screen = words(&draw(&app, &snapshot, 100, 30));
    assert!(!screen.contains(" passes "), "{screen}");
}

#[test]
fn what_a_key_did_is_told_over_the_whole_foot_line() {
    let snapshot = samples();
    let mut app = app();
    app.update(Action::View(View::Alerts), &snapshot);
    app.update(Action::Mute, &snapshot);
    let screen = words(&draw(&app, &snapshot, 80, 24));
    let foot = screen.lines().last().unwrap();
    assert!(
        foot.starts_with(" muted loss not finite in ") && foot.ends_with("K again hears it"),
        "{foot}"
    );
}

/// Every view at every size, also those nobody can use, and with every key pressed.
#[test]
fn no_size_and_no_key_breaks_a_screen() {
    let snapshot = samples();
    let actions = || {
        use losscast::ui::keys::GROUPS;
        GROUPS
            .iter()
            .flat_map(|group| group.bindings.iter().flat_map(|binding| binding.actions()))
            .filter(|action| !matches!(action, Action::Quit | Action::Suspend))
    };
    for view in [
        View::Overview,
        View::Detail,
        View::Compare,
        View::Alerts,
        View::Files,
    ] {
        for (width, height) in [
            (1, 1),
            (3, 80),
            (80, 3),
            (20, 5),
            (21, 6),
            (37, 11),
            (80, 24),
            (131, 43),
            (300, 90),
        ] {
            let mut app = app();
            app.update(Action::View(view), &snapshot);
            draw(&app, &snapshot, width, height);
            for action in actions() {
                app.update(action, &snapshot);
                draw(&app, &snapshot, width, height);
                app.help = false;
                app.typing = None;
            }
        }
    }
}

#[test]
fn every_file_and_what_it_was_taken_for() {
    let mut snapshot = Snapshot::clone(&samples());
    snapshot.problems.push(Problem {
        path: "notes.txt".into(),
        message: "no metrics recognised".to_owned(),
    });
    let snapshot = Arc::new(snapshot);
    let mut app = app();
    app.update(Action::View(View::Files), &snapshot);
    insta::assert_snapshot!("files_80x24", words(&draw(&app, &snapshot, 80, 24)));
    app.update(Action::Move(1), &snapshot);
    insta::assert_snapshot!("files_130x24", words(&draw(&app, &snapshot, 130, 24)));
    app.update(Action::Open, &snapshot);
    assert_eq!(
        (app.view, app.selected.as_deref()),
        (View::Detail, Some("llm.c-gpt2-124m/main.log"))
    );
}

/// A screen shows nothing that a terminal would take for a command.
#[test]
fn hostile_names_and_no_runs_at_all() {
    let content = b"step,loss,\x1b]0;owned\x07\n1,3,1\n2,2,1\n3,1,1\n".to_vec();
    let hostile = snapshot(&[
        ("\u{1b}[2J\u{7}run\u{202e}gnirts\r\n.csv", content.clone()),
        ("日本語の実験/とても長い名前/学習ログ.csv", content),
    ]);
    let nothing = Arc::new(Snapshot::default());
    for snapshot in [&hostile, &nothing] {
        for view in [
            View::Overview,
            View::Detail,
            View::Compare,
            View::Alerts,
            View::Files,
        ] {
            let mut app = App::new("\u{1b}[2J\u{9b}31m".to_owned(), &DARK, Symbols::Braille);
            app.update(Action::View(view), snapshot);
            for (width, height) in [(80, 24), (40, 10)] {
                let buffer = draw(&app, snapshot, width, height);
                let bad = buffer
                    .content
                    .iter()
                    .flat_map(|cell| cell.symbol().chars())
                    .find(|character| {
                        character.is_control() || ('\u{202a}'..='\u{202e}').contains(character)
                    });
                assert_eq!(bad, None, "{view:?}");
            }
        }
    }
}

/// An interval without its level says nothing: every view tells it, and follows the key that sets it.
#[test]
fn the_level_of_the_interval_is_told_wherever_it_stands() {
    let snapshot = samples();
    for view in [View::Overview, View::Detail, View::Compare] {
        let mut app = app();
        app.selected = Some("slimpajama-124m/wsd-lr1e-3.csv".to_owned());
        app.update(Action::View(view), &snapshot);
        assert!(words(&draw(&app, &snapshot, 80, 24)).contains("80%"), "{view:?}");
        app.update(Action::Interval, &snapshot);
        assert_eq!(app.notice, "± and the band: 95%");
        app.notice.clear();
        for width in [80, 140] {
            let screen = words(&draw(&app, &snapshot, width, 40));
            assert!(screen.contains("95%"), "{view:?}\n{screen}");
        }
    }
}

/// The table compares levels, not samples: what it says is what the list says, however smooth the curves.
#[test]
fn the_losses_that_are_compared_do_not_depend_on_the_smoothing() {
    let snapshot = samples();
    let mut app = app();
    let id = "slimpajama-124m/wsd-lr1e-3.csv";
    app.marked.insert(id.to_owned());
    app.update(Action::View(View::Compare), &snapshot);
    let level = snapshot.runs.iter().find(|run| run.id == id).unwrap();
    let level = format!("{:.4}", level.primary().unwrap().smoothed);
    for by in [-8, 3, 8] {
        app.update(Action::Smooth(by), &snapshot);
        let screen = words(&draw(&app, &snapshot, 100, 30));
        let row = screen.lines().find(|line| line.starts_with("A "));
        assert!(row.is_some_and(|row| row.contains(&level)), "{screen}");
    }
}

#[test]
fn the_cursor_tells_the_interval_of_the_projection_and_the_headline_at_its_end() {
    let snapshot = samples();
    let mut app = app();
    app.selected = Some("slimpajama-124m/wsd-lr1e-3.csv".to_owned());
    app.update(Action::View(View::Detail), &snapshot);
    let cursor = |app: &App| -> String {
        let screen = words(&draw(app, &snapshot, 80, 24));
        let line = screen.lines().find(|line| line.starts_with("cursor "));
        line.map_or_else(String::new, str::to_owned)
    };
    app.cursor = Some(0.95);
    assert!(
        cursor(&app).contains(" ±.") && cursor(&app).ends_with("(80%)"),
        "{}",
        cursor(&app)
    );
    app.cursor = Some(1.0);
    let run = app.selected_run(&snapshot).unwrap();
    let end = run.primary().unwrap().forecast.as_ref().unwrap().final_loss;
    assert!(
        cursor(&app).contains(&format!("projected {end:.3} ±")),
        "{}",
        cursor(&app)
    );
}

/// Parameters of the law are shown where they mean something only.
#[test]
fn a_law_that_is_not_determined_shows_no_parameters() {
    let line = |snapshot: &Snapshot, width: u16| {
        let mut app = app();
        app.update(Action::View(View::Detail), &Arc::new(snapshot.clone()));
        words(&draw(&app, snapshot, width, 60))
    };
    let blind: String = (0..400)
        .map(|step| format!("{step},{}\n", 2.0 + 3.0 / f64::from(step + 10).powf(0.5)))
        .collect();
    let mut snapshot = Snapshot::clone(&snapshot(&[(
        "a.csv",
        format!("step,loss\n{blind}").into_bytes(),
    )]));
    let narrow = line(&snapshot, 80);
    assert!(narrow.contains("law L0 "), "{narrow}");
    assert!(
        !narrow.contains("λ") && !line(&snapshot, 140).contains("λ"),
        "{narrow}"
    );
    let mut run = snapshot.runs[0].as_ref().clone();
    let law = run.losses[0].law.as_mut().unwrap();
    law.l0 = -8.512;
    snapshot.runs[0] = Arc::new(run);
    for width in [80, 140] {
        let screen = line(&snapshot, width);
        assert!(
            screen.contains("not determined") && !screen.contains("8.512"),
            "{screen}"
        );
    }
}

/// The detail view of one of the samples, and the screen that it draws.
fn detail_of(id: &str, snapshot: &Arc<Snapshot>, width: u16, height: u16) -> (App, String) {
    let mut app = app();
    app.selected = Some(id.to_owned());
    app.update(Action::View(View::Detail), snapshot);
    let screen = words(&draw(&app, snapshot, width, height));
    (app, screen)
}

#[test]
fn the_gravest_alert_of_a_run_comes_first_and_the_rest_is_counted() {
    let snapshot = samples();
    let (_, screen) = detail_of("tiny-lm/fp16-lr0.1.megatron.log", &snapshot, 80, 24);
    let alerts: Vec<&str> = screen
        .lines()
        .filter(|line| line.starts_with(['!', '·']))
        .collect();
    assert!(
        alerts.first().is_some_and(|line| line.starts_with("!! ")),
        "{screen}"
    );
    assert!(
        alerts.last().is_some_and(|line| line.ends_with("+1 more: a")),
        "{screen}"
    );
    let (_, screen) = detail_of("llm.c-gpt2-124m-nan/train.log", &snapshot, 80, 24);
    let head = screen.lines().nth(2).unwrap_or_default();
    assert!(head.contains("NaN") && !head.contains("no forecast"), "{screen}");
    let (_, screen) = detail_of("tiny-lm/fp16-lr0.1.megatron.log", &snapshot, 140, 16);
    assert!(screen.lines().any(|line| line.ends_with('…')), "{screen}");
}

#[test]
fn a_key_goes_through_every_curve_of_a_run_the_alarming_ones_first() {
    let snapshot = samples();
    let (mut app, screen) = detail_of("tiny-lm/fp16-lr0.1.megatron.log", &snapshot, 80, 24);
    assert!(screen.contains("train_loss (1/"), "{screen}");
    app.update(Action::Metric, &snapshot);
    app.update(Action::Metric, &snapshot);
    let screen = words(&draw(&app, &snapshot, 80, 24));
    assert!(
        screen.contains("loss_scale ") && screen.contains(" (3/"),
        "{screen}"
    );
    app.cursor = Some(0.5);
    let screen = words(&draw(&app, &snapshot, 80, 24));
    assert!(
        screen
            .lines()
            .any(|line| line.starts_with("cursor ") && line.contains("loss_scale")),
        "{screen}"
    );
    app.update(Action::View(View::Overview), &snapshot);
    app.update(Action::Metric, &snapshot);
    assert!(app.notice.contains("eval_loss"), "{}", app.notice);
}

#[test]
fn what_has_ended_is_final_and_a_signal_keeps_its_last_value() {
    let (_, screen) = detail_of("llm.c-gpt2-124m/main.log", &samples(), 80, 24);
    let head = screen.lines().nth(2).unwrap_or_default();
    assert!(
        head.contains("  final ") && !head.contains("projected"),
        "{screen}"
    );
    let log: String = (0..40)
        .map(|step| {
            let norm = if step < 38 { "0.25" } else { "nan" };
            format!("{step},{},{norm}\n", 3.0 - 0.01 * f64::from(step))
        })
        .collect();
    let snapshot = snapshot(&[("a.csv", format!("step,loss,grad_norm\n{log}").into_bytes())]);
    let (mut app, _) = detail_of("a.csv", &snapshot, 80, 24);
    app.update(Action::Metric, &snapshot);
    let screen = words(&draw(&app, &snapshot, 80, 24));
    assert!(screen.contains("grad_norm 0.25, last NaN"), "{screen}");
}

/// A run of 500 steps that has held its rate so far, with or without a planned end.
fn held(total: Option<u32>) -> Vec<u8> {
    let total = total.map_or_else(String::new, |total| total.to_string());
    let log: String = (1..=500)
        .map(|step| {
            let loss = 2.0 + 4.0 / f64::from(step).sqrt();
            format!("{step},{loss},0.001,{total}\n")
        })
        .collect();
    format!("step,loss,lr,total_steps\n{log}").into_bytes()
}

#[test]
fn a_projection_that_rests_on_a_plan_that_nobody_knows_is_marked() {
    let row = |total: Option<u32>| {
        let snapshot = snapshot(&[("a.csv", held(total))]);
        let screen = words(&draw(&app(), &snapshot, 80, 24));
        let row = screen.lines().find(|line| line.starts_with("   a.csv"));
        row.unwrap_or_default().to_owned()
    };
    let planned = row(Some(1000));
    assert!(planned.contains('–') && planned.ends_with(" if"), "{planned}");
    assert!(row(None).ends_with(" if decayed"), "{}", row(None));
    let snapshot = snapshot(&[("a.csv", held(Some(1000)))]);
    let (_, screen) = detail_of("a.csv", &snapshot, 80, 24);
    let plans: Vec<&str> = screen.lines().filter(|line| line.contains(" if ")).collect();
    let told = ["decay begins now", "constant to the end", "over the last 20%"];
    for plan in told {
        assert!(plans.iter().any(|line| line.contains(plan)), "{plan}: {screen}");
    }
    let mut report = Vec::new();
    losscast::commands::report::table(&snapshot, None, &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    assert!(told.iter().all(|plan| report.contains(plan)), "{report}");
}

#[test]
fn what_trains_and_is_silent_says_for_how_long_and_no_time_to_the_end() {
    let log: String = (1..=300)
        .map(|step| format!("{step},{},1000\n", 2.0 + 4.0 / f64::from(step).sqrt()))
        .collect();
    let log = format!("step,loss,total_steps\n{log}").into_bytes();
    let screen = |age: f64| {
        let snapshot = engine(&[("a.csv", log.clone())], NOW - age).snapshot(NOW);
        let training = losscast::snapshot::State::Training;
        assert_eq!(snapshot.runs[0].state, training);
        words(&draw(&app(), &snapshot, 80, 24))
    };
    assert!(!screen(10.0).contains("silent"), "{}", screen(10.0));
    assert!(
        screen(26.5 * 60.0).contains("silent 26m"),
        "{}",
        screen(26.5 * 60.0)
    );
}

#[test]
fn a_run_that_is_over_is_done_and_has_its_final_loss_at_once() {
    let log: String = (0..1000)
        .map(|step| format!("{step},{},1000\n", 2.0 + 4.0 / f64::from(step + 1).sqrt()))
        .collect();
    let log = format!("step,loss,total_steps\n{log}").into_bytes();
    let snapshot = engine(&[("a.csv", log)], WRITTEN).snapshot(NOW);
    let screen = words(&draw(&app(), &snapshot, 80, 24));
    let row = screen.lines().find(|line| line.starts_with("   a.csv"));
    assert!(
        row.is_some_and(|row| row.contains(" done ") && row.ends_with(" final")),
        "{screen}"
    );
}

#[test]
fn an_excerpt_fills_its_chart() {
    let log: String = (31_200..31_260)
        .map(|step| format!("{step},{}\n", 2.0 + 0.01 * f64::from(step % 7)))
        .collect();
    let snapshot = snapshot(&[("a.csv", format!("step,loss\n{log}").into_bytes())]);
    let (mut app, screen) = detail_of("a.csv", &snapshot, 80, 24);
    assert!(screen.contains("   step 31.20k"), "{screen}");
    app.cursor = Some(0.0);
    let screen = words(&draw(&app, &snapshot, 80, 24));
    assert!(screen.contains("cursor step 31,200: loss"), "{screen}");
}

#[test]
fn keys_of_charts_and_of_the_order_do_nothing_where_neither_is_seen() {
    let snapshot = samples();
    for view in [View::Alerts, View::Files] {
        let mut app = app();
        app.update(Action::View(view), &snapshot);
        let before = words(&draw(
            &App::new("runs".to_owned(), &DARK, Symbols::Braille),
            &snapshot,
            80,
            24,
        ));
        for action in [
            Action::Zoom(1),
            Action::LogY,
            Action::Sort,
            Action::Reverse,
            Action::Metric,
        ] {
            app.update(action, &snapshot);
            assert!(!app.notice.is_empty(), "{action:?}");
        }
        app.update(Action::View(View::Overview), &snapshot);
        assert_eq!(words(&draw(&app, &snapshot, 80, 24)), before);
    }
}

#[test]
fn what_a_decay_now_would_bring_is_never_cut() {
    let snapshot = snapshot(&[("a.csv", held(Some(1000)))]);
    let (_, screen) = detail_of("a.csv", &snapshot, 80, 40);
    let mut lines = screen.lines();
    let first = lines.find(|line| line.contains("if the decay begins now"));
    assert!(first.is_some_and(|line| !line.contains('…')), "{screen}");
    assert!(
        lines.next().is_some_and(|line| line.ends_with("steps")),
        "{screen}"
    );
}

#[test]
fn a_comparison_follows_the_cursor_and_says_where_it_is_made() {
    let snapshot = samples();
    let mut app = app();
    for run in &snapshot.runs {
        if run.id.starts_with("slimpajama") || run.id.starts_with("llm.c-gpt2-124m/") {
            app.marked.insert(run.id.clone());
        }
    }
    app.update(Action::View(View::Compare), &snapshot);
    let screen = words(&draw(&app, &snapshot, 120, 30));
    assert!(screen.contains("; AT: the last step of "), "{screen}");
    let based = screen.lines().filter(|line| line.ends_with(" base")).count();
    assert_eq!(based, 1, "{screen}");
    assert!(screen.contains(" final "), "{screen}");
    app.cursor = Some(1.0);
    let screen = words(&draw(&app, &snapshot, 120, 30));
    let last = snapshot.runs.iter().filter(|run| app.marked.contains(&run.id));
    let last = last.filter_map(|run| run.total_steps).max().unwrap();
    assert!(!screen.contains("; AT: the last step of "), "{screen}");
    assert!(
        screen.contains(&format!("AT {}", losscast::text::count(last))),
        "{screen}"
    );
    // At the end of its plan a run is where it is projected to be.
    app.marked.retain(|id| id == "slimpajama-124m/wsd-lr1e-3.csv");
    let run = snapshot
        .runs
        .iter()
        .find(|run| app.marked.contains(&run.id))
        .unwrap();
    let end = run.primary().unwrap().forecast.as_ref().unwrap().final_loss;
    let screen = words(&draw(&app, &snapshot, 120, 30));
    let row = screen.lines().find(|line| line.starts_with("A ")).unwrap();
    assert_eq!(row.matches(&format!("{end:.3}")).count(), 2, "{screen}");
}
