//! The files that a process's code comes from, with what is needed to unwind and name it.

use std::collections::HashMap;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use crate::discover::{ExamineError, MappedFile, mapped_files};
use crate::elf::Image;

/// The executable mappings of a process, in the order of their addresses.
#[derive(Debug, Default)]
pub(super) struct Modules(Vec<Module>);

/// One mapping and the file behind it.
#[derive(Debug)]
pub(super) struct Module {
    pub mapped: MappedFile,
    /// `None` if the file is no ELF file, or could not be opened or read.
    pub image: Option<Arc<Image>>,
}

impl Modules {
    /// Those of a process, as they are now.
    ///
    /// # Errors
    ///
    /// When the process has ended, or may not be looked at.
    pub fn of(pid: u32) -> Result<Self, ExamineError> {
        let mut images = HashMap::new();
        let modules = mapped_files(pid)?.into_iter().map(|mapped| {
            let image = mapped.file.as_ref().and_then(|file| {
                let image = images
                    .entry(file.as_raw_fd())
                    .or_insert_with(|| Image::read(file).ok().map(Arc::new));
                image.clone()
            });
            Module { mapped, image }
        });
        Ok(Self(modules.collect()))
    }

    /// Those of a process; `None` where [`Modules::of`] fails, which is logged.
    pub fn or_none(pid: u32) -> Option<Self> {
        Self::of(pid)
            .inspect_err(|error| tracing::debug!(pid, %error, "no files to look stacks up in"))
            .ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Module> {
        self.0.iter()
    }

    /// The module that has code at this address.
    pub fn find(&self, address: u64) -> Option<&Module> {
        let after = self
            .0
            .partition_point(|module| module.mapped.addresses.start <= address);
        let module = self.0.get(after.checked_sub(1)?)?;
        module.mapped.addresses.contains(&address).then_some(module)
    }
}

impl Module {
    /// What the loader added to the addresses that the file states.
    pub fn bias(&self) -> Option<u64> {
        let stated = self.image.as_ref()?.address_at(self.mapped.offset)?;
        Some(self.mapped.addresses.start.wrapping_sub(stated))
    }

    /// An address of this mapping as the file states it; of a file that says nothing, its offset.
    pub fn stated(&self, address: u64) -> u64 {
        match self.bias() {
            Some(bias) => address.wrapping_sub(bias),
            None => (address - self.mapped.addresses.start).wrapping_add(self.mapped.offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ours_is_found_in_its_module_and_stated_as_in_the_file() {
        let modules = Modules::of(std::process::id()).expect("it may look at itself");
        let here = Modules::find as *const () as u64;
        let module = modules.find(here).expect("its code is mapped");
        let stated = module.stated(here);
        let image = module.image.as_ref().expect("an ELF file");
        assert!(image.text.clone().expect("it has one").contains(&stated));
        assert!(modules.find(0).is_none());
        assert!(modules.find(u64::MAX).is_none());
    }
}
