//! Listens to `stack_grow` in the processes of which a stack growth storm lasts, and in no others.

use std::collections::BTreeMap;

use super::targets::Targets;
use crate::attach::GrowthLink;
use crate::detect::Detection;
use crate::discover::ProcessId;

/// How long after a storm its process stays armed: one that comes in bursts is back by then. While
/// no stack grows that costs nothing.
const LINGER_NS: u64 = 10_000_000_000;
/// Processes that are armed at once; the storms of others name no function.
const MAX_ARMED: usize = 16;

/// The processes that are armed.
#[derive(Debug, Default)]
pub(super) struct ArmedStorms {
    armed: BTreeMap<ProcessId, Armed>,
}

#[derive(Debug)]
struct Armed {
    /// Empty where it could not be armed, which is not tried again while the storm lasts.
    _links: Vec<GrowthLink>,
    stormed_ns: u64,
}

impl ArmedStorms {
    /// Arms the processes in which a storm lasts, and disarms those in which none does any more.
    pub(super) fn follow(&mut self, now_ns: u64, detection: &Detection, targets: &Targets) {
        self.follow_with(now_ns, detection, |id| targets.attach_growths(id));
    }

    fn follow_with(
        &mut self,
        now_ns: u64,
        detection: &Detection,
        attach: impl Fn(ProcessId) -> Vec<GrowthLink>,
    ) {
        let active = detection.storms.iter().filter(|(_, storm)| storm.active);
        for ((id, _), _) in active {
            if let Some(armed) = self.armed.get_mut(id) {
                armed.stormed_ns = now_ns;
            } else if self.armed.len() < MAX_ARMED {
                let armed = Armed {
                    _links: attach(*id),
                    stormed_ns: now_ns,
                };
                self.armed.insert(*id, armed);
            }
        }
        let lingers = |armed: &Armed| now_ns.saturating_sub(armed.stormed_ns) < LINGER_NS;
        self.armed.retain(|_, armed| lingers(armed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Storm;
    use std::cell::RefCell;

    const SECOND: u64 = 1_000_000_000;

    fn detection(pids: impl IntoIterator<Item = u32>) -> Detection {
        let storm = Storm {
            begun: 1,
            active: true,
        };
        let storms = pids.into_iter().map(|pid| {
            let id = ProcessId { pid, start_time: 0 };
            ((id, 0), storm)
        });
        Detection {
            storms: storms.collect(),
            ..Detection::default()
        }
    }

    fn pids(armed: &ArmedStorms) -> Vec<u32> {
        armed.armed.keys().map(|id| id.pid).collect()
    }

    #[test]
    fn a_process_is_armed_once_while_its_storm_lasts_and_for_a_while_after() {
        let (mut armed, attached) = (ArmedStorms::default(), RefCell::new(Vec::new()));
        let mut follow = |second: u64, detection: &Detection| {
            armed.follow_with(second * SECOND, detection, |id| {
                attached.borrow_mut().push(id.pid);
                Vec::new()
            });
            pids(&armed)
        };
        let mut calm = detection([7]);
        calm.storms
            .values_mut()
            .for_each(|storm| storm.active = false);
        assert!(follow(1, &calm).is_empty());
        assert_eq!(follow(2, &detection([7])), [7]);
        assert_eq!(follow(3, &detection([7])), [7]);
        assert_eq!(follow(12, &calm), [7]);
        assert!(follow(13, &calm).is_empty());
        assert_eq!(follow(14, &detection([7])), [7]);
        assert_eq!(*attached.borrow(), [7, 7]);
    }

    #[test]
    fn as_many_are_armed_as_there_is_room_for() {
        let mut armed = ArmedStorms::default();
        armed.follow_with(SECOND, &detection(1..100), |_| Vec::new());
        assert_eq!(armed.armed.len(), MAX_ARMED);
    }
}
