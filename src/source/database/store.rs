//! What MLflow and Trackio keep in their databases, as rows in the order they were added.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::format::mlflow::{self, Metric, MetricDecoder, database_value};
use crate::format::records::How;
use crate::format::trackio::RowDecoder;
use crate::format::{Column, Decoded};
use crate::metric::Names;

/// Most rows read at once.
pub const MOST_ROWS: i64 = 10_000;
/// Fewest rows read at once.
pub const FEWEST_ROWS: i64 = 200;
/// A client that logs at once what belongs to one step sorts it by key.
const SAMPLE: i64 = 2_000;

/// Which client a database belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// MLflow's tracking store.
    Mlflow,
    /// Trackio; before 0.24 runs were known by their names only.
    Trackio {
        /// There is a `run_id`.
        has_run_id: bool,
    },
}

/// A run in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// What the rows call it.
    pub uid: String,
    /// What the user calls it.
    pub name: String,
}

/// The next rows, by run.
#[derive(Debug, Default)]
pub struct Batch {
    /// Rows of each run, in order.
    pub rows: BTreeMap<String, Rows>,
    /// Id of the last row, and what is in it.
    pub last: Option<(i64, String)>,
    /// There may be more.
    pub full: bool,
}

/// Rows of one run.
#[derive(Debug)]
pub enum Rows {
    /// Single values.
    Mlflow(Vec<Metric>),
    /// Number, step, time stamp and JSON of each log call.
    Trackio(Vec<(i64, Option<i64>, String, Vec<u8>)>),
}

impl Store {
    /// Recognises a database by its tables; `None` when it is another one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(connection: &Connection) -> rusqlite::Result<Option<Store>> {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info('metrics')")?;
        let columns: Vec<String> = statement
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let has = |names: &[&str]| {
            names
                .iter()
                .all(|name| columns.iter().any(|column| column == name))
        };
        Ok(if has(&["key", "value", "timestamp", "run_uuid", "step"]) {
            Some(Store::Mlflow)
        } else if has(&["id", "run_name", "step", "metrics"]) {
            Some(Store::Trackio {
                has_run_id: has(&["run_id"]),
            })
        } else {
            None
        })
    }

    /// Name of the format.
    pub const fn format(self) -> &'static str {
        match self {
            Store::Mlflow => "mlflow",
            Store::Trackio { .. } => "trackio",
        }
    }

    /// The runs that have rows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn runs(self, connection: &Connection) -> rusqlite::Result<Vec<StoredRun>> {
        let query = match self {
            Store::Mlflow => "SELECT run_uuid, coalesce(name, '') FROM runs ORDER BY start_time",
            Store::Trackio { has_run_id: true } => {
                "SELECT run_id, max(run_name) FROM metrics GROUP BY run_id ORDER BY min(id)"
            }
            Store::Trackio { has_run_id: false } => {
                "SELECT run_name, run_name FROM metrics GROUP BY run_name ORDER BY min(id)"
            }
        };
        connection
            .prepare(query)?
            .query_map([], |row| {
                Ok(StoredRun {
                    uid: text(row, 0)?,
                    name: text(row, 1)?,
                })
            })?
            .collect()
    }

    /// How the runs that are over have ended, where that is written down.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn endings(self, connection: &Connection) -> rusqlite::Result<BTreeMap<String, How>> {
        let Store::Mlflow = self else {
            return Ok(BTreeMap::new());
        };
        // A database of another version may lack the column: then nothing is said.
        let Ok(mut statement) = connection.prepare("SELECT run_uuid, status FROM runs") else {
            return Ok(BTreeMap::new());
        };
        let ended = statement.query_map([], |row| Ok((text(row, 0)?, mlflow::ending(&text(row, 1)?))))?;
        ended
            .filter_map(|row| row.map(|(uid, how)| Some((uid, how?))).transpose())
            .collect()
    }

    /// Row number, run and content of the rows after one number up to another.
    const fn rows_query(self) -> &'static str {
        match self {
            Store::Mlflow => {
                "SELECT rowid, run_uuid, key, value, timestamp, step, is_nan FROM metrics \
                 WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid LIMIT ?3"
            }
            Store::Trackio { has_run_id: true } => {
                "SELECT id, run_id, step, timestamp, metrics FROM metrics \
                 WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
            }
            Store::Trackio { has_run_id: false } => {
                "SELECT id, run_name, step, timestamp, metrics FROM metrics \
                 WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
            }
        }
    }

    /// The rows added after row `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn rows(self, connection: &Connection, after: i64, most: i64) -> rusqlite::Result<Batch> {
        let mut statement = connection.prepare(self.rows_query())?;
        let mut rows = statement.query([after, i64::MAX, most])?;
        let mut batch = Batch::default();
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            let (id, uid): (i64, String) = (row.get(0)?, text(row, 1)?);
            batch.last = Some((id, digest(row)?));
            match self {
                Store::Mlflow => {
                    let metric = metric(row)?;
                    match batch.rows.entry(uid).or_insert_with(|| Rows::Mlflow(Vec::new())) {
                        Rows::Mlflow(metrics) => metrics.push(metric),
                        Rows::Trackio(_) => {}
                    }
                }
                Store::Trackio { .. } => {
                    let step = match row.get_ref(2)? {
                        ValueRef::Integer(step) => Some(step),
                        _ => None,
                    };
                    let call = (id, step, text(row, 3)?, bytes(row, 4)?);
                    match batch.rows.entry(uid).or_insert_with(|| Rows::Trackio(Vec::new())) {
                        Rows::Trackio(calls) => calls.push(call),
                        Rows::Mlflow(_) => {}
                    }
                }
            }
        }
        batch.full = count == most;
        Ok(batch)
    }

    /// What row `id` holds, to see whether it is still the row that was read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn digest(self, connection: &Connection, id: i64) -> rusqlite::Result<Option<String>> {
        let mut statement = connection.prepare(self.rows_query())?;
        let mut rows = statement.query([id.saturating_sub(1), id, 1])?;
        rows.next()?.map(digest).transpose()
    }

    /// A decoder for a run, told the names of its metrics where they are cheap to list.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn decoder(self, connection: &Connection, names: &Names, uid: &str) -> rusqlite::Result<RunDecoder> {
        match self {
            Store::Mlflow => {
                let query = "SELECT DISTINCT key FROM (SELECT key FROM metrics WHERE run_uuid = ?1 LIMIT ?2)";
                let mut statement = connection.prepare(query)?;
                let keys: Vec<String> = statement
                    .query_map(rusqlite::params![uid, SAMPLE], |row| text(row, 0))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(RunDecoder::Mlflow(MetricDecoder::new(
                    names,
                    keys.iter().map(String::as_str),
                )))
            }
            Store::Trackio { .. } => Ok(RunDecoder::Trackio(RowDecoder::new(names, []))),
        }
    }

    /// Hands the settings of a run to its decoder.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn settings(
        self,
        connection: &Connection,
        uid: &str,
        decoder: &RunDecoder,
        out: &mut Decoded,
    ) -> rusqlite::Result<()> {
        const BY_NAME: &str = "run_name = (SELECT max(run_name) FROM metrics WHERE run_id = ?1)";
        // Where the settings are, and by what those of a run are found: the first that is there.
        let (table, columns, ways): (_, _, &[(&str, &str)]) = match self {
            Store::Mlflow => ("params", ["key", "value"], &[("run_uuid", "run_uuid = ?1")]),
            Store::Trackio { has_run_id: true } => (
                "configs",
                ["config", "config"],
                &[("run_id", "run_id = ?1"), ("run_name", BY_NAME)],
            ),
            Store::Trackio { has_run_id: false } => {
                ("configs", ["config", "config"], &[("run_name", "run_name = ?1")])
            }
        };
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let found: Vec<String> = statement
            .query_map([table], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        if found.is_empty() {
            return Ok(());
        }
        let has = |wanted: &str| found.iter().any(|column| column == wanted);
        let way = ways.iter().find(|(column, _)| has(column));
        let Some((_, way)) = way.filter(|_| columns.iter().all(|column| has(column))) else {
            // A client of another version: the metrics are worth reading without them.
            let reason = "the settings of runs are not where they are known to be kept";
            out.skip(0, reason, format!("{table}({})", found.join(", ")).as_bytes());
            return Ok(());
        };
        let query = &format!("SELECT {}, {} FROM {table} WHERE {way}", columns[0], columns[1]);
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([uid])?;
        while let Some(row) = rows.next()? {
            match decoder {
                RunDecoder::Mlflow(decoder) => decoder.parameter(&text(row, 0)?, &text(row, 1)?, out),
                RunDecoder::Trackio(decoder) => decoder.config(&bytes(row, 1)?, out),
            }
        }
        Ok(())
    }
}

/// The decoder of one run.
pub enum RunDecoder {
    /// Of MLflow.
    Mlflow(MetricDecoder),
    /// Of Trackio.
    Trackio(RowDecoder),
}

impl RunDecoder {
    /// Decodes rows.
    pub fn decode(&mut self, rows: Rows, out: &mut Decoded) {
        match (self, rows) {
            (RunDecoder::Mlflow(decoder), Rows::Mlflow(metrics)) => decoder.metrics(metrics, out),
            (RunDecoder::Trackio(decoder), Rows::Trackio(calls)) => {
                for (id, step, timestamp, json) in calls {
                    decoder.row(u64::try_from(id).unwrap_or(0), step, &timestamp, &json, out);
                }
            }
            _ => {}
        }
    }

    /// Hands over the last record. Until then more of it may come.
    pub fn finish(&mut self, out: &mut Decoded) {
        if let RunDecoder::Mlflow(decoder) = self {
            decoder.finish(out);
        }
    }

    /// The rows will come again from the first.
    pub fn start_over(&mut self) {
        match self {
            RunDecoder::Mlflow(decoder) => decoder.start_over(),
            RunDecoder::Trackio(decoder) => decoder.start_over(),
        }
    }

    /// What each name seen so far was taken for.
    pub fn columns(&self) -> Vec<Column> {
        match self {
            RunDecoder::Mlflow(decoder) => decoder.columns(),
            RunDecoder::Trackio(decoder) => decoder.columns(),
        }
    }
}

fn metric(row: &Row) -> rusqlite::Result<Metric> {
    let value = match row.get_ref(3)? {
        ValueRef::Integer(value) => value as f64,
        ValueRef::Real(value) => value,
        _ => f64::NAN,
    };
    let is_nan = matches!(row.get_ref(6)?, ValueRef::Integer(flag) if flag != 0);
    let integer = |index| match row.get_ref(index) {
        Ok(ValueRef::Integer(value)) => value,
        Ok(ValueRef::Real(value)) => value as i64,
        _ => 0,
    };
    Ok(Metric {
        key: text(row, 2)?,
        timestamp: Some(integer(4)),
        step: integer(5),
        value: database_value(value, is_nan),
    })
}

/// Text whatever the type that it is stored as.
fn text(row: &Row, index: usize) -> rusqlite::Result<String> {
    Ok(String::from_utf8_lossy(&bytes(row, index)?).into_owned())
}

fn bytes(row: &Row, index: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Integer(number) => number.to_string().into_bytes(),
        ValueRef::Real(number) => number.to_string().into_bytes(),
        ValueRef::Null => Vec::new(),
    })
}

/// Enough of a row to know it again.
fn digest(row: &Row) -> rusqlite::Result<String> {
    Ok([1, 2, 3, 4]
        .into_iter()
        .map(|index| text(row, index))
        .collect::<rusqlite::Result<Vec<_>>>()?
        .join("\u{1f}"))
}
