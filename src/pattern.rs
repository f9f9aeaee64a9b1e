//! A line format that the user describes: regular expressions with named groups.

use regex::Regex;
use thiserror::Error;

use crate::metric::{Names, Role};

/// The lines of one format.
#[derive(Clone, Debug)]
pub struct LinePattern {
    /// Its name, as `inspect` shows it; it lives as long as the process, as the names of
    /// the built-in formats do.
    pub name: &'static str,
    expressions: Vec<Expression>,
}

#[derive(Clone, Debug)]
struct Expression {
    regex: Regex,
    /// The groups by number, their names and what they stand for.
    groups: Vec<(usize, String, Role)>,
}

/// Why a pattern cannot be used.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum PatternError {
    /// It is no regular expression.
    #[error("format `{name}`: {message}")]
    Regex {
        /// Name of the format.
        name: String,
        /// What is wrong, with its place.
        message: String,
    },
    /// A group has a name that stands for nothing.
    #[error(
        "format `{name}`: the group `{group}` stands for nothing; use step, total_steps, loss, eval_loss, lr, grad_norm, tokens, epoch, elapsed, step_time, loss_scale or samples"
    )]
    Group {
        /// Name of the format.
        name: String,
        /// Name of the group.
        group: String,
    },
    /// No group is a loss.
    #[error("format `{name}`: no group is a loss; name one (?<loss>...) or (?<eval_loss>...)")]
    NoLoss {
        /// Name of the format.
        name: String,
    },
}

impl LinePattern {
    /// A format from its expressions; a line that any of them matches is a record.
    ///
    /// # Errors
    /// When an expression is none, or its groups say nothing about a loss.
    pub fn new(name: &str, sources: &[String]) -> Result<Self, PatternError> {
        let expressions: Vec<Expression> = sources
            .iter()
            .map(|source| Expression::new(name, source))
            .collect::<Result<_, _>>()?;
        let has_loss = expressions
            .iter()
            .flat_map(|expression| &expression.groups)
            .any(|(_, _, role)| role.is_loss());
        if !has_loss {
            return Err(PatternError::NoLoss {
                name: name.to_owned(),
            });
        }
        Ok(LinePattern {
            name: Box::leak(name.to_owned().into_boxed_str()),
            expressions,
        })
    }

    /// Calls `each` with every group of the first expression that matches: its name, what
    /// it stands for, its text. False when none does.
    pub fn find<'a>(&self, line: &'a str, mut each: impl FnMut(&str, Role, &'a str)) -> bool {
        for expression in &self.expressions {
            let Some(captures) = expression.regex.captures(line) else {
                continue;
            };
            for (number, name, role) in &expression.groups {
                if let Some(group) = captures.get(*number) {
                    each(name, *role, group.as_str());
                }
            }
            return true;
        }
        false
    }

    /// The groups and what they stand for.
    pub fn groups(&self) -> impl Iterator<Item = (&str, Role)> {
        self.expressions
            .iter()
            .flat_map(|expression| &expression.groups)
            .map(|(_, name, role)| (name.as_str(), *role))
    }
}

impl PartialEq for LinePattern {
    fn eq(&self, other: &Self) -> bool {
        let sources = |pattern: &LinePattern| -> Vec<String> {
            let expressions = pattern.expressions.iter();
            expressions
                .map(|expression| expression.regex.as_str().to_owned())
                .collect()
        };
        self.name == other.name && sources(self) == sources(other)
    }
}

impl Expression {
    fn new(format: &str, source: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(source).map_err(|error| PatternError::Regex {
            name: format.to_owned(),
            message: error.to_string(),
        })?;
        let names = Names::default();
        let mut groups = Vec::new();
        for (number, group) in regex.capture_names().enumerate() {
            let Some(group) = group else { continue };
            let role = match group {
                "total" => Some(Role::TotalSteps),
                group => names.role_of(group).map(|fit| fit.role),
            };
            let role = role.ok_or_else(|| PatternError::Group {
                name: format.to_owned(),
                group: group.to_owned(),
            })?;
            groups.push((number, group.to_owned(), role));
        }
        Ok(Expression { regex, groups })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_say_what_to_do() {
        let error = |source: &str| {
            LinePattern::new("mine", &[source.to_owned()])
                .unwrap_err()
                .to_string()
        };
        assert!(error("(?<step>\\d+) (?<reward>\\S+)").contains("`reward` stands for nothing"));
        assert!(error("(?<step>\\d+)").contains("no group is a loss"));
        assert!(error("(?<step").contains("mine"));
    }
}
