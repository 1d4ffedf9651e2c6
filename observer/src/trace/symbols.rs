//! Names of code addresses in a live process, remembered: inlined calls too, demangled.
//!
//! Asked while the process lives, for its files are found through its mappings.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::stacks::{Frame, Names, hide_internal};

/// Addresses that are remembered; beyond, all are forgotten and asked again.
const MAX_ADDRESSES: usize = 65_536;

/// One function at an address: the innermost inlined one first, the one that was called last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Its name; the address in hexadecimal where there is no symbol.
    pub name: String,
    /// `file:line`, where the program has line tables.
    pub place: Option<String>,
    /// It is not the program's own, and left out where people read.
    pub hidden: bool,
}

/// What is at addresses of one process.
pub struct Symbols {
    names: Names,
    known: HashMap<u64, Arc<[Frame]>>,
}

impl Symbols {
    /// Of this process, as this mount of `/proc` shows it.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self {
            names: Names::of(pid),
            known: HashMap::new(),
        }
    }

    /// The functions of every frame of a stack: where it is, then the call that each caller waits
    /// for.
    pub fn stack(&mut self, addresses: &[u64]) -> Vec<Vec<Function>> {
        self.learn(addresses);
        let known = addresses.iter().map(|address| self.known.get(address));
        let known: Vec<&[Frame]> = known.map(|at| at.map_or(&[][..], |at| at)).collect();
        let mut frames = known.concat();
        // Of a program without names nobody knows which functions are its own.
        if frames.first().is_some_and(|frame| frame.function.is_some()) {
            hide_internal(&mut frames);
        }
        let mut functions = frames.iter().map(Function::of);
        let of_address = |at: &&[Frame]| functions.by_ref().take(at.len()).collect();
        known.iter().map(of_address).collect()
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
        for (address, frames) in new.iter().zip(self.names.frames(&new)) {
            self.known.insert(*address, frames.into());
        }
    }
}

impl Function {
    fn of(frame: &Frame) -> Self {
        let place = frame.file.as_ref().map(|file| match frame.line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        });
        let name = frame.function.clone();
        Self {
            name: name.unwrap_or_else(|| format!("{:#x}", frame.address)),
            place,
            hidden: frame.hidden,
        }
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
        assert_eq!(names[1], "0x11");
    }
}
