//! What did not fit into the model.

/// What was reported and not taken in, ever, by the bound that it met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Values and records of site records beyond those that are kept of a process. A value is
    /// counted at every snapshot that has it.
    pub addresses: u64,
    /// Reports of named stalls beyond those that are kept of a process; the numbers of stalled
    /// tasks are right all the same.
    pub stalls: u64,
    /// Static names of one line beyond those that are kept of it.
    pub site_names: u64,
}

impl Losses {
    /// Adds another's, and leaves none there.
    pub(super) fn take(&mut self, other: &mut Self) {
        let Self {
            addresses,
            stalls,
            site_names,
        } = std::mem::take(other);
        self.addresses += addresses;
        self.stalls += stalls;
        self.site_names += site_names;
    }
}
