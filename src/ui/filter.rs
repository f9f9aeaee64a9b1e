//! The filter of runs: words, `key OP value`, `-` for not; a blank means and.

use std::str::FromStr;

use crate::snapshot::RunView;

/// A filter; empty, it accepts every run.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<(bool, Term)>,
}

#[derive(Clone, Debug)]
enum Term {
    Word(String),
    State(String),
    Number(fn(&RunView) -> Option<f64>, Comparison, f64),
    Alert,
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

impl Filter {
    /// The filter as typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when every run passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True when the run passes.
    pub fn accepts(&self, run: &RunView) -> bool {
        self.terms
            .iter()
            .all(|(wanted, term)| term.accepts(run) == *wanted)
    }
}

impl Term {
    fn accepts(&self, run: &RunView) -> bool {
        match self {
            Term::Word(word) => run.id.to_lowercase().contains(word),
            Term::State(state) => run.state.name().starts_with(state.as_str()),
            Term::Alert => run.open_alerts().next().is_some(),
            Term::Number(field, comparison, limit) => field(run).is_some_and(|value| match comparison {
                Comparison::Less => value < *limit,
                Comparison::AtMost => value <= *limit,
                Comparison::More => value > *limit,
                Comparison::AtLeast => value >= *limit,
                Comparison::Equal => (value - limit).abs() < 1e-9,
            }),
        }
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let terms = text
            .split_whitespace()
            .map(|word| match word.strip_prefix(['-', '!']) {
                Some(rest) if !rest.is_empty() => Ok((false, term(rest)?)),
                _ => Ok((true, term(word)?)),
            })
            .collect::<Result<_, String>>()?;
        Ok(Filter {
            text: text.to_owned(),
            terms,
        })
    }
}

fn term(word: &str) -> Result<Term, String> {
    let operators = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::More),
        ("=", Comparison::Equal),
    ];
    let Some((operator, comparison)) = operators
        .into_iter()
        .find(|(operator, _)| word.contains(operator))
    else {
        return Ok(match word {
            "alert:" => Term::Alert,
            word => Term::Word(word.to_lowercase()),
        });
    };
    let (key, value) = word.split_once(operator).unwrap_or((word, ""));
    let field: fn(&RunView) -> Option<f64> = match key {
        "state" => return Ok(Term::State(value.to_lowercase())),
        "loss" => |run| run.primary().map(|loss| loss.smoothed),
        "proj" => |run| {
            run.primary()?
                .forecast
                .as_ref()
                .map(|forecast| forecast.final_loss)
        },
        "step" => |run| Some(run.step as f64),
        "progress" => |run| run.progress(),
        "lr" => |run| run.peak_learning_rate,
        _ => {
            return Err(format!(
                "unknown key `{key}` (state, loss, proj, step, progress, lr)"
            ));
        }
    };
    let limit = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok(Term::Number(field, comparison, limit))
}
