//! Which probes are attached.

use runtime_abi::ProbeId;

/// Which families of probes are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The ledger probes only: no worker of the target ever traps, but where stacks grow while
    /// a storm of them lasts.
    #[default]
    Ledger,
    /// The event probes too.
    Events,
    /// `monitor` only: who is there and which schema it speaks, at a hit a second.
    Monitor,
    /// `monitor`, and `task` for a dump: every task once each time that it is armed anew.
    Dump,
    /// The event probes only, for a trace.
    Trace,
    /// `spawn` and `exit` only: who is alive, and who spawned it.
    Lives,
}

impl Mode {
    /// The mode's probes in table order.
    #[must_use]
    pub const fn probes(self) -> &'static [ProbeId] {
        const LEDGER: [ProbeId; 6] = [
            ProbeId::Ledger,
            ProbeId::Parked,
            ProbeId::Stall,
            ProbeId::Unstall,
            ProbeId::Pool,
            ProbeId::Monitor,
        ];
        const EVENTS: [ProbeId; 12] = [
            ProbeId::Spawn,
            ProbeId::Run,
            ProbeId::Park,
            ProbeId::Unpark,
            ProbeId::Exit,
            ProbeId::StackGrow,
            ProbeId::Ledger,
            ProbeId::Parked,
            ProbeId::Stall,
            ProbeId::Unstall,
            ProbeId::Pool,
            ProbeId::Monitor,
        ];
        const TRACE: [ProbeId; 6] = [
            ProbeId::Spawn,
            ProbeId::Run,
            ProbeId::Park,
            ProbeId::Unpark,
            ProbeId::Exit,
            ProbeId::StackGrow,
        ];
        match self {
            Self::Ledger => &LEDGER,
            Self::Events => &EVENTS,
            Self::Monitor => &[ProbeId::Monitor],
            Self::Dump => &[ProbeId::Monitor, ProbeId::Task],
            Self::Trace => &TRACE,
            Self::Lives => &[ProbeId::Spawn, ProbeId::Exit],
        }
    }
}
