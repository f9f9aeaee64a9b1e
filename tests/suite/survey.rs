use crate::common;
use losscast::format::read_all;
use losscast::metric::{Names, Quantity};

#[test]
fn survey() {
    let Some(shared) = common::shared() else {
        return;
    };
    let root = std::env::var("SURVEY").map_or_else(|_| shared.join("corpus"), std::path::PathBuf::from);
    let mut files: Vec<_> = walkdir::WalkDir::new(&root)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_file())
        .map(|e| e.into_path())
        .collect();
    files.sort();
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let content = std::fs::read(&path).unwrap();
        match read_all(&content, &Names::default()) {
            Err(e) => println!("{name}\t-\t{e}"),
            Ok(w) => {
                let r = &w.decoded.records;
                let show = |q| {
                    let v: Vec<(u64, f64)> = r
                        .rows()
                        .filter_map(|row| Some((row.step(), row.value(q)?)))
                        .collect();
                    match (v.first(), v.last()) {
                        (Some(a), Some(b)) => format!("{}x {}:{:.5}..{}:{:.5}", v.len(), a.0, a.1, b.0, b.1),
                        _ => "-".into(),
                    }
                };
                let cols: Vec<String> = w
                    .columns
                    .iter()
                    .filter_map(|c| Some(format!("{}={}", c.name, c.role?.name())))
                    .collect();
                println!(
                    "{name}\t{}\tT {}\tE {}\tL {}\ttot {:?} ign {} skip {} of {}\t{}\t{}",
                    w.format,
                    show(Quantity::TrainLoss),
                    show(Quantity::EvalLoss),
                    show(Quantity::LearningRate),
                    w.decoded.total_steps,
                    w.decoded.ignored,
                    w.decoded.skipped,
                    w.decoded.lines,
                    cols.join(","),
                    w.decoded
                        .bad_lines
                        .first()
                        .map(|b| format!("{}: {}: {}", b.line, b.reason, b.excerpt))
                        .unwrap_or_default()
                );
            }
        }
    }
}
