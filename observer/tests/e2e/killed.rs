//! However the observer ends, its targets go on and nothing stays armed.

use crate::harness::{Observer, Target, eventually, semaphores, shows_live};

fn nothing_is_armed(target: &Target) {
    eventually("no semaphore is raised", || {
        let raised: Vec<_> = semaphores(target.pid())
            .into_iter()
            .filter(|(_, value)| *value != 0)
            .collect();
        if raised.is_empty() {
            Ok(())
        } else {
            Err(format!("{raised:?}"))
        }
    });
}

fn is_armed(target: &Target) {
    let raised = semaphores(target.pid())
        .into_iter()
        .any(|(_, value)| value > 0);
    assert!(raised, "the observer raised no semaphore");
}

#[test]
fn leaves_nothing_armed_when_it_is_killed() {
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    let mut observer = Observer::start(&[]);
    shows_live(&observer, &mut target);
    is_armed(&target);
    observer.kill();
    nothing_is_armed(&target);
    target.command("spawn 10 100");
    assert_eq!(target.live_by_site().values().sum::<f64>(), 200.0);
}

#[test]
fn leaves_nothing_armed_when_it_is_asked_to_end() {
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    for mode in ["ledger", "events"] {
        let mut observer = Observer::start(&["--mode", mode]);
        shows_live(&observer, &mut target);
        is_armed(&target);
        assert!(observer.terminate().success(), "{}", observer.log());
        nothing_is_armed(&target);
    }
}
