//! Names of functions, by instructions of a running process.
//!
//! Symbol tables are a stranger's: they are read in the background, where a panic costs one name.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};

use super::{Answerer, Background};
use crate::discover::mapped_files;

/// Most characters of a function's name; generics can make it far longer.
const MAX_NAME: usize = 512;
/// Processes whose files the symbolizer keeps open; beyond, it forgets them all.
const MAX_PROCESSES: usize = 16;

/// A process's id, an instruction of it, and its function.
pub type Named = (u32, u64, String);

/// A process's id, and an instruction of it.
type Question = (u32, u64);

/// Names functions.
#[derive(Debug)]
pub struct Functions(Background<Question, String>);

impl Default for Functions {
    fn default() -> Self {
        Self(Background::new("functions", answerer))
    }
}

impl Functions {
    /// Asks for the function of an instruction of a process; again while it is not answered
    /// changes nothing.
    pub fn ask(&mut self, pid: u32, pc: u64) {
        self.0.ask((pid, pc));
    }

    /// What was answered since the last time: the function, without symbols its module and the
    /// offset in that file, and of no module the address.
    pub fn answers(&mut self) -> Vec<Named> {
        let answers = self.0.answers().into_iter();
        answers.map(|((pid, pc), name)| (pid, pc, name)).collect()
    }
}

fn answerer() -> Answerer<Question, String> {
    let mut symbols = Symbols::default();
    Box::new(move |(pid, pc)| symbols.name(*pid, *pc))
}

/// What was read of files.
#[derive(Debug, Default)]
struct Symbols {
    symbolizer: Symbolizer,
    asked: HashSet<u32>,
}

impl Symbols {
    fn name(&mut self, pid: u32, pc: u64) -> String {
        self.asked.insert(pid);
        if self.asked.len() > MAX_PROCESSES {
            *self = Self::default();
        }
        let Some((path, offset)) = module(pid, pc) else {
            return format!("{pc:#x}");
        };
        let symbol = catch_unwind(AssertUnwindSafe(|| self.symbol(pid, &path, offset))).ok();
        let name = symbol.flatten();
        printable(&name.unwrap_or_else(|| format!("{path}+{offset:#x}")))
    }

    /// By the symbol tables: debug information takes seconds to read, and says no more here.
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
fn module(pid: u32, pc: u64) -> Option<(Arc<str>, u64)> {
    let mut files = mapped_files(pid).ok()?.into_iter();
    let mapped = files.find(|mapped| mapped.addresses.contains(&pc))?;
    let offset = pc - mapped.addresses.start + mapped.offset;
    Some((mapped.path, offset))
}

/// Names come from files that anyone wrote: bounded, and without control characters.
pub(crate) fn printable(text: &str) -> String {
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
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
        let (pid, pc) = (std::process::id(), known_function());
        let mut functions = Functions::default();
        assert!(functions.answers().is_empty());
        functions.ask(pid, pc);
        functions.ask(pid, pc);
        functions.ask(pid, 77);
        let mut told = Vec::new();
        while told.len() < 2 {
            told.extend(functions.answers());
            std::thread::yield_now();
        }
        let (_, _, name) = &told[0];
        assert!(name.contains("function::tests::known_function"), "{name}");
        assert_eq!(told[1], (pid, 77, "0x4d".to_owned()));
        assert!(functions.0.is_idle());
    }

    #[test]
    fn an_instruction_is_in_the_file_that_runs_and_other_addresses_are_in_none() {
        let (path, offset) = module(std::process::id(), known_function()).expect("it is mapped");
        let program = std::env::current_exe().expect("this test");
        assert_eq!(&*path, program.to_str().expect("text"));
        assert!(offset < program.metadata().expect("a file").len());
        assert_eq!(module(std::process::id(), 77), None);
    }

    #[test]
    fn names_are_cut_and_have_no_control_characters() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        assert_eq!(printable(&"x".repeat(2_000)).len(), MAX_NAME);
    }
}
