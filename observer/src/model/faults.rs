//! In which functions the stacks of a process grow, as far as somebody listens.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Growths by site record and instruction, and the functions of the instructions. Bounded by the
/// kernel's map.
#[derive(Debug, Default)]
pub(super) struct Faults {
    growths: BTreeMap<(u64, u64), u64>,
    functions: HashMap<u64, Arc<str>>,
}

impl Faults {
    /// Takes how many there were, ever; no count falls.
    pub(super) fn set(&mut self, site: u64, pc: u64, growths: u64) {
        let known = self.growths.entry((site, pc)).or_default();
        *known = (*known).max(growths);
    }

    /// Instructions whose function is not known, at most `limit`.
    pub(super) fn unnamed(&self, limit: usize) -> Vec<u64> {
        let pcs = self.growths.keys().map(|(_, pc)| *pc);
        let mut unnamed: Vec<u64> = pcs.filter(|pc| !self.functions.contains_key(pc)).collect();
        unnamed.sort_unstable();
        unnamed.dedup();
        unnamed.truncate(limit);
        unnamed
    }

    /// Learns an instruction's function.
    pub(super) fn learn(&mut self, pc: u64, function: &str) {
        if self.growths.keys().any(|(_, known)| *known == pc) {
            self.functions.insert(pc, function.into());
        }
    }

    /// The functions in which the stacks of tasks of these site records grew, with how many
    /// growths, most first. What is not known yet is left out.
    pub(super) fn by_function(&self, is_wanted: impl Fn(u64) -> bool) -> Vec<(Arc<str>, u64)> {
        let mut sums: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for ((site, pc), growths) in &self.growths {
            if let Some(function) = self.functions.get(pc).filter(|_| is_wanted(*site)) {
                *sums.entry(function.clone()).or_default() += growths;
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(_, growths)| std::cmp::Reverse(*growths));
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growths_are_added_up_by_function_and_site() {
        let mut faults = Faults::default();
        for (site, pc, growths) in [(1, 0x10, 5), (1, 0x14, 3), (1, 0x20, 4), (2, 0x20, 9)] {
            faults.set(site, pc, growths);
        }
        assert_eq!(faults.unnamed(2), [0x10, 0x14]);
        for (pc, function) in [(0x10, "walk"), (0x14, "walk"), (0x99, "unheard of")] {
            faults.learn(pc, function);
        }
        assert_eq!(faults.unnamed(9), [0x20]);
        faults.learn(0x20, "main");
        faults.set(1, 0x10, 2);
        let told = |site| {
            let sums = faults.by_function(|of| of == site).into_iter();
            sums.map(|(name, growths)| (name.to_string(), growths))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(1), [("walk".to_owned(), 8), ("main".to_owned(), 4)]);
        assert_eq!(told(2), [("main".to_owned(), 9)]);
    }
}
