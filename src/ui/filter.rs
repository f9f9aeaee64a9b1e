//! The filter of runs: words, `key OP value`, `-` for not; a blank means and, `|` within a word or a state means or.

use std::str::FromStr;

use crate::snapshot::{RunView, State};

/// A filter; empty, it accepts every run.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<(bool, Term)>,
}

#[derive(Clone, Debug)]
enum Term {
    /// The name of the run holds one of these.
    Word(Vec<String>),
    /// The run is in one of these states.
    State(Vec<State>),
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
            Term::Word(words) => {
                let id = run.id.to_lowercase();
                words.iter().any(|word| id.contains(word.as_str()))
            }
            Term::State(states) => states.contains(&run.state),
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

/// What stands between `|`.
fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').filter(|alternative| !alternative.is_empty())
}

/// The states whose names begin so: all while none is named.
fn states(text: &str) -> Result<Vec<State>, String> {
    let all = || State::ALL.into_iter();
    if text.is_empty() {
        return Ok(all().collect());
    }
    let mut states = Vec::new();
    for wanted in alternatives(text) {
        let before = states.len();
        let wanted = wanted.to_lowercase();
        states.extend(all().filter(|state| state.name().starts_with(&wanted)));
        if states.len() == before {
            let names: Vec<&str> = all().map(State::name).collect();
            return Err(format!("no state `{wanted}`: there are {}", names.join(", ")));
        }
    }
    Ok(states)
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
            word => Term::Word(alternatives(word).map(str::to_lowercase).collect()),
        });
    };
    let (key, value) = word.split_once(operator).unwrap_or((word, ""));
    let field: fn(&RunView) -> Option<f64> = match key {
        "state" => return states(value).map(Term::State),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_there_is_not_is_refused_with_those_that_there_are() {
        let error = "state=running".parse::<Filter>().unwrap_err();
        for state in State::ALL {
            assert!(error.contains(state.name()), "{error}");
        }
        let states = |text: &str| states(text).unwrap();
        assert_eq!(states("tr"), [State::Training]);
        assert_eq!(states("stalled|Diverged"), [State::Stalled, State::Diverged]);
    }
}
