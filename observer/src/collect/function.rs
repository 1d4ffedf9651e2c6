//! Names of functions, by instructions of a running process.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};

/// Most characters of a function's name; generics can make it far longer.
const MAX_NAME: usize = 512;
/// Processes whose files the symbolizer keeps open; beyond, it forgets them all.
const MAX_PROCESSES: usize = 16;

/// Names functions.
#[derive(Debug, Default)]
pub struct Functions {
    symbolizer: Symbolizer,
    asked: HashSet<u32>,
}

impl Functions {
    /// The function of an instruction of a process; without symbols its module and the offset in
    /// that file, and of no module the address.
    pub fn name(&mut self, pid: u32, pc: u64) -> String {
        self.asked.insert(pid);
        if self.asked.len() > MAX_PROCESSES {
            *self = Self::default();
        }
        let Some((path, offset)) = module(pid, pc) else {
            return format!("{pc:#x}");
        };
        // The files are a stranger's: what they make of the library must not end the observer.
        let symbol = catch_unwind(AssertUnwindSafe(|| self.symbol(pid, &path, offset))).ok();
        let name = symbol.flatten();
        printable(&name.unwrap_or_else(|| format!("{path}+{offset:#x}")))
    }

    /// By the symbol tables: debug information would take seconds to read, and the observer does
    /// nothing else meanwhile.
    fn symbol(&self, pid: u32, path: &str, offset: u64) -> Option<String> {
        let mut file = Elf::new(format!("/proc/{pid}/root{path}"));
        file.debug_syms = false;
        let source = Source::Elf(file);
        let symbolized = self
            .symbolizer
            .symbolize_single(&source, Input::FileOffset(offset));
        match symbolized {
            Ok(Symbolized::Sym(symbol)) => Some(symbol.name.into_owned()),
            Ok(Symbolized::Unknown(_)) => None,
            Err(error) => {
                tracing::debug!(pid, %error, "no symbols");
                None
            }
        }
    }
}

/// The mapped file, as the process sees it, and the offset in it.
fn module(pid: u32, pc: u64) -> Option<(String, u64)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    maps.lines().find_map(|line| module_in(line, pc))
}

/// `5580a-5581b r-xp 00002000 fe:00 247282      /usr/bin/head`
fn module_in(line: &str, pc: u64) -> Option<(String, u64)> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let (start, end) = (number(start)?, number(end)?);
    let offset = number(fields.nth(1)?)?;
    let path = fields.nth(2)?.trim_start();
    let is_in = (start..end).contains(&pc) && path.starts_with('/');
    is_in.then(|| (path.to_owned(), pc - start + offset))
}

/// Names come from files that anyone wrote: bounded, and without control characters.
fn printable(text: &str) -> String {
    let safe = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(safe).take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn known_function() -> u64 {
        std::hint::black_box(known_function as *const () as u64)
    }

    #[test]
    fn a_function_of_ours_has_its_name() {
        let name = Functions::default().name(std::process::id(), known_function());
        assert!(name.contains("function::tests::known_function"), "{name}");
    }

    #[test]
    fn without_a_symbol_there_is_the_module_or_the_address() {
        let line = "1000-3000 r-xp 00002000 fe:00 247282      /usr/bin/head";
        let expected = Some(("/usr/bin/head".to_owned(), 0x2010));
        assert_eq!(module_in(line, 0x1010), expected);
        assert_eq!(module_in(line, 0x3000), None);
        assert_eq!(
            module_in("1000-3000 rw-p 00000000 00:00 0      [heap]", 0x1010),
            None
        );
        assert_eq!(Functions::default().name(std::process::id(), 77), "0x4d");
    }

    #[test]
    fn names_are_cut_and_have_no_control_characters() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a?[2Jb");
        assert_eq!(printable(&"x".repeat(2_000)).len(), MAX_NAME);
    }
}
