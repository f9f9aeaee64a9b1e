//! What a value is called within the tables around it.

use crate::format::json_lines::singular;
use crate::metric::{Names, SPLIT_FOLDERS};

/// Which data a value is about: that is what the innermost of the tables around it is called that says so,
/// `train`, `train_stats`, or `dtrain`.
pub(in crate::format) fn split_of<'a>(path: &[&'a str]) -> Option<&'a str> {
    const WHAT_IS_TOLD: [&str; 5] = ["stats", "statistics", "metrics", "history", "results"];
    let split = |table: &&'a str| {
        let told = table.rsplit_once(['_', ' ', '-']);
        let told = told.filter(|(_, what)| WHAT_IS_TOLD.iter().any(|known| what.eq_ignore_ascii_case(known)));
        let data = told.map_or(*table, |(data, _)| data);
        let is_split = |data: &&str| {
            let mut splits = SPLIT_FOLDERS.iter().chain(&["vali"]);
            splits.any(|split| data.eq_ignore_ascii_case(split))
        };
        // `dtrain` is the matrix of it.
        let of_matrix = || data.strip_prefix('d').filter(is_split);
        Some(data).filter(is_split).or_else(of_matrix)
    };
    path.iter().rev().find_map(split)
}

pub(super) fn is_loss(names: &Names, name: &str) -> bool {
    let fit = names.role_of(&singular(name));
    fit.is_some_and(|fit| fit.role.is_loss())
}

/// `loss` of the table `val` is `val/loss`; names that say so themselves are left alone.
pub(super) fn qualified(path: &[&str], name: &str) -> String {
    match split_of(path).or(path.last().copied()) {
        Some(table) if !name.to_lowercase().contains(&table.to_lowercase()) && table != "history" => {
            format!("{table}/{name}")
        }
        _ => name.to_owned(),
    }
}
