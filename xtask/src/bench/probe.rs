//! The part `probe`: what a probe costs that nobody listens to, in two loops without and with it.
//!
//! The program `probe-cost` runs the rounds in turn and looks up what the compiler made of the
//! probe. A pair in which somebody listened is left out.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write;

use super::Options;
use super::conditions::Conditions;
use super::sheet::Sheet;
use super::statistics::{bootstrap, median, spread};
use crate::command::Invocation;
use crate::plan::{self, Step};
use crate::runner::{self, Show};
use crate::workspace::Workspace;

/// Builds the program, runs all pairs and publishes the table.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let call = Invocation::cargo()
        .args(["build", "--release", "--package", "probe-cost"])
        .folder(&workspace.root);
    Step::new("building probe-cost", "build-probe-cost", vec![call]).perform(workspace)?;
    let method = format!(
        "{} pairs of a loop without and with a probe, in alternating order, in one thread",
        options.pairs
    );
    let sheet = Sheet::open(
        workspace,
        "probe",
        Conditions::begin(workspace, method, "system"),
    )?;
    let pairs = options.pairs.to_string();
    let mut call = Invocation::new(workspace.release("probe-cost")).args(["--pairs", &pairs]);
    if let Some(count) = options.count {
        call = call.args(["--count", &count.to_string()]);
    }
    plan::say("measuring a disarmed probe");
    let finished = runner::run(workspace, "bench-probe", &call, Show::Heartbeat)?;
    if !finished.status.success() {
        bail!("`{call}` failed ({})", finished.status);
    }
    sheet.publish(workspace, &render(&Results::parse(&finished.stdout)?))
}

/// What the program printed.
#[derive(Debug, Default, PartialEq)]
struct Results {
    /// What the probe adds to the machine code.
    instructions: Vec<String>,
    rows: Vec<Row>,
    /// Pairs in which somebody listened.
    disturbed: u32,
}

/// All pairs of one loop.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    bare: Vec<Round>,
    probed: Vec<Round>,
}

/// One round, by iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Round {
    ns: f64,
    instructions: Option<f64>,
}

impl Results {
    fn parse(output: &str) -> Result<Self> {
        let mut results = Self::default();
        for line in output.lines() {
            let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            if let Some(instructions) = value["instructions"].as_array() {
                let texts = instructions.iter().filter_map(Value::as_str);
                results.instructions = texts.map(str::to_owned).collect();
            } else if value["armed"] == true {
                results.disturbed += 1;
            } else {
                results.add(&value).with_context(|| line.to_owned())?;
            }
        }
        Ok(results)
    }

    fn add(&mut self, pair: &Value) -> Option<()> {
        let name = pair["loop"].as_str()?;
        let (bare, probed) = (round(&pair["bare"])?, round(&pair["probed"])?);
        if self.rows.last().is_none_or(|row| row.name != name) {
            self.rows.push(Row {
                name: name.to_owned(),
                bare: Vec::new(),
                probed: Vec::new(),
            });
        }
        let row = self.rows.last_mut()?;
        row.bare.push(bare);
        row.probed.push(probed);
        Some(())
    }
}

fn round(value: &Value) -> Option<Round> {
    Some(Round {
        ns: value["ns"].as_f64()?,
        instructions: value["instructions"].as_f64(),
    })
}

fn render(results: &Results) -> String {
    let mut text = String::from(
        "| loop | without | with a disarmed probe | the probe (95 % interval) | min – max \
         | instructions an iteration | pairs |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in &results.rows {
        let _ = writeln!(text, "{}", line(row));
    }
    if !results.instructions.is_empty() {
        let code = results.instructions.join("`, `");
        let _ = writeln!(text, "\nIn machine code the probe is `{code}`.");
    }
    if results.disturbed > 0 {
        let _ = writeln!(
            text,
            "{} pairs are left out: an observer listened.",
            results.disturbed
        );
    }
    text
}

fn line(row: &Row) -> String {
    let ns = |rounds: &[Round]| -> Vec<f64> { rounds.iter().map(|round| round.ns).collect() };
    let (bare, probed) = (ns(&row.bare), ns(&row.probed));
    let cost: Vec<f64> = probed
        .iter()
        .zip(&bare)
        .map(|(with, without)| with - without)
        .collect();
    let interval = bootstrap(&cost).map_or_else(String::new, |ends| {
        format!(" ({:.2} – {:.2})", ends.low, ends.high)
    });
    let (low, high) = spread(&cost);
    format!(
        "| {} | {:.2} ns | {:.2} ns | {:.2}{interval} ns | {low:.2} – {high:.2} ns | {} | {} |",
        row.name,
        median(&bare),
        median(&probed),
        median(&cost),
        instructions(row),
        cost.len()
    )
}

/// The medians without and with the probe, where the machine counts instructions.
fn instructions(row: &Row) -> String {
    let counted = |rounds: &[Round]| -> Option<f64> {
        let all: Option<Vec<f64>> = rounds.iter().map(|round| round.instructions).collect();
        all.map(|all| median(&all))
    };
    match (counted(&row.bare), counted(&row.probed)) {
        (Some(bare), Some(probed)) => format!("{bare:.2}, {probed:.2}"),
        _ => "not available".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"instructions":["cmpw $0x0,0x1(%rip)","jne 10"]}"#;

    fn pair(bare: f64, probed: f64, instructions: &str, armed: bool) -> String {
        format!(
            "{{\"loop\":\"chain\",\"bare\":{{\"ns\":{bare},\"instructions\":{instructions}}},\
             \"probed\":{{\"ns\":{probed},\"instructions\":{instructions}}},\"armed\":{armed}}}\n"
        )
    }

    #[test]
    fn the_probes_price_is_taken_within_each_pair() {
        let output = format!(
            "{HEAD}\n{}{}{}",
            pair(1.0, 1.5, "null", false),
            pair(3.0, 3.25, "null", false),
            pair(9.0, 99.0, "null", true)
        );
        let text = render(&Results::parse(&output).unwrap());
        let expected =
            "| chain | 2.00 ns | 2.38 ns | 0.38 ns | 0.25 – 0.50 ns | not available | 2 |";
        assert_eq!(text.lines().nth(2), Some(expected), "{text}");
        assert!(text.contains("`cmpw $0x0,0x1(%rip)`, `jne 10`"), "{text}");
        assert!(text.contains("1 pairs are left out"), "{text}");
    }

    #[test]
    fn instructions_are_shown_where_they_are_counted() {
        let output = format!("{HEAD}\n{}", pair(1.0, 1.5, "7.0", false));
        let text = render(&Results::parse(&output).unwrap());
        assert!(text.contains("| 7.00, 7.00 | 1 |"), "{text}");
    }
}
