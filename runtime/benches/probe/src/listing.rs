//! What the compiler made of a disarmed probe: the instructions of a small function with one,
//! along the way on which nobody listens, beside those of the same function without.
//!
//! Read from this program's own file by `objdump`.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::probe;

/// Does nothing.
#[inline(never)]
#[unsafe(no_mangle)]
fn probe_cost_bare(_: u64) {}

/// The same with a probe. Nothing is needed after it, so nothing is saved for the call that the
/// way of an armed probe makes.
#[inline(never)]
#[unsafe(no_mangle)]
fn probe_cost_probed(value: u64) {
    probe::unpark(value, value, value, value);
}

/// The instructions on the way of a disarmed probe that are not there without it; none on
/// processors whose branches this file does not know.
///
/// # Errors
///
/// Without `objdump`, and when the way is not understood.
pub fn added() -> Result<Vec<String>> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(Vec::new());
    }
    std::hint::black_box((probe_cost_bare as *const (), probe_cost_probed as *const ()));
    let mut way = disarmed_way(&function("probe_cost_probed")?)?;
    for instruction in disarmed_way(&function("probe_cost_bare")?)? {
        let same = way.iter().position(|other| *other == instruction);
        way.remove(same.with_context(|| format!("only without the probe: {instruction}"))?);
    }
    Ok(way)
}

/// An instruction with its address.
type Line = (u64, String);

fn function(name: &str) -> Result<Vec<Line>> {
    let output = Command::new("objdump")
        .args(["--disassemble", "--no-show-raw-insn", "--section=.text"])
        .arg(format!("--disassemble={name}"))
        .arg(std::env::current_exe()?)
        .output()
        .context("objdump (of binutils)")?;
    ensure!(output.status.success(), "objdump failed");
    let lines = parse(&String::from_utf8_lossy(&output.stdout));
    ensure!(!lines.is_empty(), "no function {name} in this program");
    Ok(lines)
}

fn parse(listing: &str) -> Vec<Line> {
    let line = |line: &str| {
        let (address, instruction) = line.split_once(":\t")?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        // What follows is objdump's own.
        let text = instruction.split(['#', '<']).next()?;
        let words: Vec<&str> = text.split_whitespace().collect();
        Some((address, words.join(" ")))
    };
    listing.lines().filter_map(line).collect()
}

/// From the function's beginning to its return, as a processor goes that finds every semaphore 0.
fn disarmed_way(lines: &[Line]) -> Result<Vec<String>> {
    let mut way = Vec::new();
    let mut at = 0;
    while let Some((_, instruction)) = lines.get(at) {
        way.push(instruction.clone());
        let (mnemonic, operand) = instruction.split_once(' ').unwrap_or((instruction, ""));
        at = match mnemonic {
            "ret" => return Ok(way),
            // Of equal, which a comparison of 0 with 0 is.
            "je" | "jmp" => target(lines, operand)?,
            _ => at + 1,
        };
    }
    bail!("a function that does not return: {way:?}")
}

fn target(lines: &[Line], operand: &str) -> Result<usize> {
    let address = u64::from_str_radix(operand, 16).with_context(|| operand.to_owned())?;
    let at = lines.iter().position(|(line, _)| *line == address);
    at.with_context(|| format!("a jump out of the function, to {operand}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "0000000000001000 <f>:\n    1000:\tcmpw   $0x0,0x2f8(%rip)        # 13 <s>\n    \
        1008:\tje     1010 <f+0x10>\n    100a:\tcall   2000 <g>\n    1010:\tmov    %rdi,%rax\n    1013:\tret\n";

    #[test]
    fn follows_the_way_on_which_the_semaphore_is_zero() {
        let way = disarmed_way(&parse(LISTING)).unwrap();
        let expected = ["cmpw $0x0,0x2f8(%rip)", "je 1010", "mov %rdi,%rax", "ret"];
        assert_eq!(way, expected);
        assert!(disarmed_way(&parse("1000:\tnop\n")).is_err());
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", not(debug_assertions)))]
    fn a_disarmed_probe_is_a_load_a_comparison_and_a_branch() {
        let added = added().unwrap();
        let is = |instruction: &String, names: &[&str]| {
            names.iter().any(|name| instruction.starts_with(name))
        };
        let reads: Vec<_> = added
            .iter()
            .filter(|line| line.contains("(%rip)"))
            .collect();
        assert_eq!(reads.len(), 1, "one load of the semaphore: {added:?}");
        let (last, before) = added.split_last().unwrap();
        assert!(is(last, &["jne", "je"]), "ends by a branch: {added:?}");
        assert!(
            before.iter().all(|line| is(line, &["cmp", "test", "mov"])),
            "no call and no work: {added:?}"
        );
        assert!(added.len() <= 3, "{added:?}");
    }
}
