//! An observer that is killed leaves nothing behind.

use crate::emitter::{Emitter, carrier};
use crate::{eventually, kinds, load};
use observer::attach::{LinkKind, LoadOptions, Mode};
use observer::collect::Collector;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Names the carrier and the kind of link for the process that is to be killed.
const CARRIER: &str = "PARKWATCH_TEST_CARRIER";
const LINK: &str = "PARKWATCH_TEST_LINK";

#[test]
fn the_target_goes_on_and_is_disarmed_when_the_observer_is_killed() {
    if let Some(path) = env::var_os(CARRIER) {
        attach_until_killed(&PathBuf::from(path));
    }
    for &link in kinds() {
        let mut emitter = Emitter::start();
        let mut observer = start_observer(&emitter, link);
        eventually("the observer attaches", || {
            emitter.semaphore("monitor") == 1
        });
        observer.kill().unwrap();
        observer.wait().unwrap();
        eventually("every probe is disarmed", || {
            Mode::Events
                .probes()
                .iter()
                .all(|probe| emitter.semaphore(probe.probe().name) == 0)
        });
        assert_eq!(emitter.ask("fire monitor 1 1"), "fired 0");
        let kernel = load(LoadOptions::default());
        let _links = kernel.attach(&emitter.carrier(), Mode::Ledger).unwrap();
        emitter.fire("monitor", &[1, 3]);
        assert_eq!(
            Collector::new(&kernel).read().unwrap().monitors[0].1.live,
            3
        );
        emitter.finish();
    }
}

fn start_observer(emitter: &Emitter, link: LinkKind) -> Child {
    Command::new(env::current_exe().expect("this test"))
        .args([
            "--exact",
            "killed::the_target_goes_on_and_is_disarmed_when_the_observer_is_killed",
        ])
        .env(CARRIER, emitter.path())
        .env(LINK, format!("{link:?}"))
        .spawn()
        .expect("this test starts itself")
}

/// What the test does in the process that it starts to kill it.
fn attach_until_killed(path: &Path) -> ! {
    let is_multi = env::var(LINK).is_ok_and(|link| link == format!("{:?}", LinkKind::Multi));
    let link = Some(if is_multi {
        LinkKind::Multi
    } else {
        LinkKind::Perf
    });
    let kernel = load(LoadOptions {
        link,
        ..LoadOptions::default()
    });
    let _links = kernel.attach(&carrier(path), Mode::Events).unwrap();
    loop {
        std::thread::park();
    }
}
