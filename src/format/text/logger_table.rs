//! The tables of `OpenAI`'s logger, which its diffusion models, baselines and what grew out of
//! them print and write to `log.txt`. Their rows are sorted by name, so the step comes last:
//!
//! ```text
//! ------------------------
//! | grad_norm | 0.0782   |
//! | loss      | 0.0134   |
//! | step      | 5.04e+03 |
//! ------------------------
//! ```

use super::blocks::row_of_two;
use super::scan::NameFinder;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;
use crate::metric::{Quantity, Role};

/// What begins and ends a table, which is as wide as a name and a number.
const RULE: &str = "------------";

/// The grammar.
#[derive(Debug, Default)]
pub struct LoggerTable {
    names: NameFinder,
    table: Table,
    /// Some table had a row for the step.
    has_steps: bool,
    /// Tables with a loss, while none had one.
    tables: u64,
}

/// What the rows of a table have told, each under the best of its names.
#[derive(Debug, Default)]
struct Table {
    /// The rank of its name, the step, and what that was rounded to: steps have three digits.
    step: Option<(u16, u64, f64)>,
    /// By [`Quantity::index`], with the ranks of their names.
    values: [Option<(u16, f64)>; Quantity::COUNT],
}

impl Table {
    fn row(&mut self, role: Role, rank: u16, cell: &str) -> Option<()> {
        let found = number::parse(cell)?;
        let (role, rank) = match role {
            // There is no plan among what was measured: it has made so many steps in total.
            Role::TotalSteps => (Role::Step, u16::MAX),
            role => (role, rank),
        };
        match role {
            Role::Value { quantity, scale } => {
                let known = self.values.get_mut(quantity.index())?;
                if known.is_none_or(|(best, _)| rank < best) {
                    *known = Some((rank, found * scale));
                }
            }
            _ if self.step.is_none_or(|(best, ..)| rank < best) => {
                self.step = Some((rank, whole(found)?, rounded_to(cell)));
            }
            _ => {}
        }
        Some(())
    }

    fn has_loss(&self) -> bool {
        [Quantity::TrainLoss, Quantity::EvalLoss]
            .iter()
            .any(|loss| self.values[loss.index()].is_some())
    }
}

impl LoggerTable {
    /// The step of a table, as [`Table::step`] has it. Where no table tells one they count themselves.
    fn step_of(&mut self, table: &Table) -> Option<(u16, u64, f64)> {
        self.has_steps |= table.step.is_some();
        self.tables += 1;
        let counted = Some((u16::MAX, self.tables, 0.0)).filter(|_| !self.has_steps);
        table.step.or(counted)
    }
}

impl Grammar for LoggerTable {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        // Whatever a launcher has put before it.
        if line.contains(RULE) {
            let table = std::mem::take(&mut self.table);
            if !table.has_loss() {
                return Match::No;
            }
            let Some((_, step, rounded_to)) = self.step_of(&table) else {
                return Match::No;
            };
            (fields.step, fields.rounded_to) = (Some(step), rounded_to);
            for quantity in Quantity::ALL {
                let value = table.values[quantity.index()];
                fields
                    .values
                    .extend(value.map(|(_, value)| (quantity.name(), value)));
            }
            return fields.record();
        }
        if let Some((name, cell)) = row_of_two(line)
            && let Some(fit) = self.names.find(name).1
        {
            self.table.row(fit.role, fit.rank, cell);
        }
        Match::No
    }
}

/// What `5.04e+03` was rounded to: 10.
fn rounded_to(cell: &str) -> f64 {
    let Some((digits, exponent)) = cell.split_once(['e', 'E']) else {
        return 0.0;
    };
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let decimals = i32::try_from(decimals).unwrap_or(0);
    10_f64.powi(exponent.saturating_sub(decimals).clamp(0, 18))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn a_table_is_a_record_at_its_last_row() {
        let table = |step: &str, loss: f64| {
            format!(
                "------------------------\n| grad_norm | 0.5      |\n| loss      | {loss}   |\n| loss_q0   | 0.035    |\n\
                 | mse       | 0.0134   |\n| samples   | 8.07e+04 |\n| step      | {step} |\n------------------------\n"
            )
        };
        let steps = ["0", "400", "800", "1.2e+03", "1.6e+03", "2e+03"];
        let content: String = steps.iter().map(|step| table(step, 0.25)).collect();
        let read = read_all(
            format!("creating model and diffusion...\n{content}").as_bytes(),
            &Names::default(),
        )
        .unwrap();
        let records = &read.decoded.records;
        assert_eq!(
            (read.format, records.steps()),
            ("logger-table", &[0, 400, 800, 1200, 1600, 2000][..])
        );
        assert_eq!(records.value(5, Quantity::TrainLoss), Some(0.25));
        assert_eq!(records.value(5, Quantity::GradNorm), Some(0.5));
    }

    #[test]
    fn tables_without_a_step_count_themselves() {
        let table = |loss: f64| {
            let rule = "--------------------------\n";
            format!("{rule}| frac        | 0.0  |\n| loss        | {loss} |\n| policy loss | 0.07 |\n{rule}")
        };
        let content: String = [4.5, 4.0, 3.5, 3.0].map(table).concat();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(
            (read.format, records.steps()),
            ("logger-table", &[1, 2, 3, 4][..])
        );
        assert_eq!(records.value(3, Quantity::TrainLoss), Some(3.0));
    }

    #[test]
    fn tables_of_agents() {
        for rows in [
            // Baselines' DDPG, PPO2 and TRPO, and Spinning Up.
            "| total/epochs | 1 |\n| total/steps | STEP |\n| train/loss_actor | -147 |\n| train/loss_critic | 0.5 |\n",
            "| nupdates | 1 |\n| policy_loss | -0.01 |\n| total_timesteps | STEP |\n| value_loss | 0.5 |\n",
            "| loss/policy_loss | -0.01 |\n| loss/value_loss | 0.5 |\n| misc/total_timesteps | STEP |\n",
            "| entloss | 0.0 |\n| TimestepsSoFar | STEP |\n| loss_vf_loss | 0.5 |\n| loss_pol_surr | -0.01 |\n",
            "|   Epoch |   1 |\n| TotalEnvInteracts | STEP |\n|  LossPi |  -0.01 |\n|  LossV | 0.5 |\n",
        ] {
            let rule = "--------------------------\n";
            let content: String = (1..=4)
                .map(|table| format!("{rule}{}{rule}", rows.replace("STEP", &format!("{table}024"))))
                .collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!(
                (read.format, records.steps(), read.decoded.total_steps),
                ("logger-table", &[1024, 2024, 3024, 4024][..], None),
                "{rows}"
            );
            assert_eq!(records.value(3, Quantity::TrainLoss), Some(0.5), "{rows}");
        }
    }
}
