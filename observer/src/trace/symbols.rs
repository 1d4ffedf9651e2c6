//! Names of code addresses in a live process, by blazesym: inlined calls too, demangled.
//!
//! Asked while the process lives, for its files are found through its mappings. The one place of
//! the trace that knows symbols.

use std::collections::HashMap;
use std::sync::Arc;

use blazesym::Pid;
use blazesym::symbolize::source::{Process, Source};
use blazesym::symbolize::{CodeInfo, Input, Symbolized, Symbolizer};
use serde::Serialize;

use crate::model::short_file_name;

/// Addresses that are remembered; beyond, all are forgotten and asked again.
const MAX_ADDRESSES: usize = 65_536;

/// One function at an address: the innermost inlined one first, the one that was called last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Its name; the address in hexadecimal where there is no symbol.
    pub name: String,
    /// `file:line`, where the program has line tables.
    pub place: Option<String>,
}

/// What is at addresses of one process.
pub struct Symbols {
    pid: u32,
    symbolizer: Symbolizer,
    known: HashMap<u64, Arc<[Function]>>,
}

impl Symbols {
    /// Of this process, as this mount of `/proc` shows it.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        let symbolizer = Symbolizer::builder()
            .enable_code_info(true)
            .enable_inlined_fns(true)
            .enable_demangling(true)
            .build();
        Self {
            pid,
            symbolizer,
            known: HashMap::new(),
        }
    }

    /// The functions of every frame of a stack: where it is, then where each caller goes on.
    pub fn stack(&mut self, frames: &[u64]) -> Vec<Arc<[Function]>> {
        // A caller goes on behind its call, which may be another line, or another function.
        let calls = frames.iter().enumerate();
        let calls: Vec<u64> = calls
            .map(|(depth, frame)| frame.saturating_sub(u64::from(depth > 0)))
            .collect();
        self.learn(&calls);
        let known = calls.iter().map(|address| self.known.get(address).cloned());
        known.map(Option::unwrap_or_default).collect()
    }

    fn learn(&mut self, addresses: &[u64]) {
        if self.known.len() + addresses.len() > MAX_ADDRESSES {
            self.known.clear();
        }
        let is_new = |address: &u64| !self.known.contains_key(address);
        let new: Vec<u64> = addresses.iter().copied().filter(is_new).collect();
        if new.is_empty() {
            return;
        }
        let source = Source::Process(Process::new(Pid::from(self.pid)));
        let found = self.symbolizer.symbolize(&source, Input::AbsAddr(&new));
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(%error, pid = self.pid, "no symbols");
            Vec::new()
        });
        let found = found.iter().map(Some).chain(std::iter::repeat(None));
        for (address, symbol) in new.iter().zip(found) {
            self.known.insert(*address, functions(*address, symbol));
        }
    }
}

fn functions(address: u64, symbol: Option<&Symbolized<'_>>) -> Arc<[Function]> {
    let Some(Symbolized::Sym(symbol)) = symbol else {
        let function = Function {
            name: format!("{address:#x}"),
            place: None,
        };
        return Arc::new([function]);
    };
    // The library has the outermost inlined call first.
    let inlined = symbol.inlined.iter().rev();
    let inlined = inlined.map(|call| function(&call.name, call.code_info.as_ref()));
    let itself = function(&symbol.name, symbol.code_info.as_deref());
    inlined.chain([itself]).collect()
}

fn function(name: &str, code: Option<&CodeInfo<'_>>) -> Function {
    let place = code.map(|code| {
        let path = code.to_path();
        let file = short_file_name(&path.to_string_lossy()).into_owned();
        match code.line {
            Some(line) => format!("{file}:{line}"),
            None => file,
        }
    });
    Function {
        // Names come from the target's file.
        name: name.replace(char::is_control, "?"),
        place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn a_function_with_a_name() -> u64 {
        std::hint::black_box(7)
    }

    #[test]
    fn a_function_of_this_process_has_its_name_and_an_unmapped_address_itself() {
        let address = a_function_with_a_name as *const () as u64;
        let stack = Symbols::new(std::process::id()).stack(&[address, 17]);
        let names: Vec<&str> = stack
            .iter()
            .map(|at| at[at.len() - 1].name.as_str())
            .collect();
        assert!(names[0].contains("a_function_with_a_name"), "{names:?}");
        assert_eq!(names[1], "0x10");
    }
}
