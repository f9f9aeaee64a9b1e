//! dev
use losscast::metric::*;
fn main() {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    paths.sort();
    for p in paths {
        let c = std::fs::read(&p).unwrap();
        let t = std::time::Instant::now();
        match losscast::format::read_all(&c, &Names::default()) {
            Ok(w) => {
                let r = &w.decoded.records;
                let n = r.len();
                let last = |q: Quantity| {
                    (0..n)
                        .rev()
                        .find_map(|i| r.value(i, q).map(|v| (r.row(i).step(), v)))
                };
                println!(
                    "{p}: {} n={} last={:?} train={:?} eval={:?} lr={:?} total={:?} lines={} ign={} skip={} {:?} {:.0}MB/s",
                    w.format,
                    n,
                    r.steps().last(),
                    last(Quantity::TrainLoss),
                    last(Quantity::EvalLoss),
                    last(Quantity::LearningRate).map(|x| x.1),
                    w.decoded.total_steps,
                    w.decoded.lines,
                    w.decoded.ignored,
                    w.decoded.skipped,
                    w.decoded.bad_lines.first().map(|b| &b.reason),
                    c.len() as f64 / 1e6 / t.elapsed().as_secs_f64()
                );
            }
            Err(e) => println!("{p}: ERR {e}"),
        }
    }
}
