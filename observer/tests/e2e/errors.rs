//! What goes wrong is said in one line: what, where, what to do.

use std::path::Path;
use std::process::{Command, Output};

use crate::carrier::build_library;
use crate::harness::{
    Observer, Target, WITHOUT_RIGHTS, eventually, require, says_one_line, shows_live,
};

fn observer(arguments: &[&str]) -> Output {
    Command::new(require("PARKWATCH_OBSERVER"))
        .args(arguments)
        .output()
        .expect("observer runs")
}

#[test]
fn refuses_wrong_flags_with_code_2() {
    says_one_line(&observer(&["run", "--no-such-flag"]), 2, "--no-such-flag");
    says_one_line(&observer(&["run", "--mode", "guess"]), 2, "guess");
    says_one_line(&observer(&["run", "--stuck-after", "soon"]), 2, "soon");
    says_one_line(&observer(&["no-such-command"]), 2, "no-such-command");
}

#[test]
fn says_that_a_port_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    says_one_line(&observer(&["run", "--listen", &address]), 1, &address);
}

#[test]
fn says_which_privileges_are_missing() {
    let output = Command::new("setpriv")
        .args(WITHOUT_RIGHTS)
        .arg(require("PARKWATCH_OBSERVER"))
        .args(["run", "--listen", "127.0.0.1:0"])
        .output()
        .expect("setpriv runs");
    says_one_line(&output, 1, "CAP_BPF");
}

#[test]
fn refuses_files_that_are_no_elf_and_truncated_notes() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text");
    std::fs::write(&text, "not an ELF file").expect("written");
    says_one_line(
        &observer(&["probes", text.to_str().expect("a path")]),
        1,
        "ELF",
    );
    says_one_line(&observer(&["probes", "/no/such/file"]), 1, "/no/such/file");
    let cut = folder.path().join("cut");
    let image = std::fs::read(require("PARKWATCH_TARGET")).expect("read");
    std::fs::write(&cut, &image[..image.len() / 2]).expect("written");
    says_one_line(
        &observer(&["probes", cut.to_str().expect("a path")]),
        1,
        "cut",
    );
}

#[test]
fn a_program_with_broken_notes_does_not_stop_the_others() {
    let folder = tempfile::tempdir_in(require("PARKWATCH_TARGET").parent().expect("a folder"));
    let broken = folder.as_ref().expect("a folder").path().join("broken");
    let mut image = std::fs::read(require("PARKWATCH_TARGET")).expect("read");
    // The first argument string: a register that is none.
    let spec = b"8@%rdi 8@%rsi";
    let at = image
        .windows(spec.len())
        .position(|window| window == spec)
        .expect("a note");
    image[at..at + spec.len()].copy_from_slice(b"8@%xyz 8@%rsi");
    std::fs::write(&broken, image).expect("written");
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    let mut sick = Target::start_copy(&broken, &[]);
    let mut healthy = Target::start(&[]);
    let observer = Observer::start(&[]);
    for target in [&mut sick, &mut healthy] {
        target.command("spawn 3 30");
    }
    shows_live(&observer, &mut healthy);
    let errors = observer
        .scrape()
        .sum("parkwatch_observer_attach_errors_total", &[]);
    assert!(
        errors >= Some(1.0),
        "{errors:?} attach errors\n{}",
        observer.log()
    );
}

#[test]
fn a_process_with_probes_in_two_files_is_said_and_its_ledger_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = build_library(folder.path(), "second.so");
    let program = require("PARKWATCH_TARGET");
    let preload = format!("LD_PRELOAD={}", library.display());
    let arguments = [preload.as_str(), program.to_str().expect("a path")];
    let mut target = Target::start_copy(Path::new("env"), &arguments);
    target.command("spawn 3 30");
    let observer = Observer::start(&[]);
    eventually("it is said", || match observer.log() {
        log if log.contains("several files") && log.contains("second.so") => Ok(()),
        log => Err(log),
    });
    shows_live(&observer, &mut target);
    // The library's own probe is not one of the ledger: that is the other error.
    let errors = observer
        .scrape()
        .sum("parkwatch_observer_attach_errors_total", &[]);
    assert!(errors >= Some(2.0), "{errors:?}\n{}", observer.log());
}
