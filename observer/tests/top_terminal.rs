//! How `observer top` leaves the terminal when it fails: in a real one, a pseudo-terminal whose
//! other end the test has.
//!
//! A test that takes a terminal over does so in a process of its own: this program again, told by
//! a variable of its environment.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::{Command, Stdio};

use observer::top::on_terminal;

/// Says that this process is the one inside of the terminal.
const INSIDE: &str = "PARKWATCH_TEST_INSIDE_TERMINAL";

/// What a terminal is told to show another screen, and to show the first again.
const OTHER_SCREEN: &str = "\u{1b}[?1049h";
const FIRST_SCREEN: &str = "\u{1b}[?1049l";

/// What the terminal showed while a test ran inside of it, and whether it is as it was.
struct Left {
    shown: String,
    is_restored: bool,
}

/// Runs the test of this name inside of a terminal.
fn inside(name: &str) -> Left {
    let (mut outside, terminal) = pseudo_terminal();
    let before = modes(&terminal);
    // At once: a terminal holds some pages of text, and whoever writes more waits.
    let reading = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // Not an end of file but EIO, by which the kernel says that nobody is there any more.
        let _ = outside.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let end = || Stdio::from(terminal.try_clone().expect("a descriptor"));
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("it starts");
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "it was to fail");
    let is_restored = modes(&terminal) == before;
    // The last one who has it open.
    drop(terminal);
    Left {
        shown: reading.join().expect("no panic"),
        is_restored,
    }
}

fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Our end of a terminal, and its own.
fn pseudo_terminal() -> (File, OwnedFd) {
    let (mut ours, mut its) = (-1, -1);
    let none = std::ptr::null_mut();
    let size = libc::winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: two integers to write to, a size to read; no name and no modes.
    let opened = unsafe { libc::openpty(&mut ours, &mut its, none, none.cast(), &raw const size) };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: just opened, and nobody else's.
    let ours = unsafe { File::from_raw_fd(ours) };
    // SAFETY: as above.
    (ours, unsafe { OwnedFd::from_raw_fd(its) })
}

/// Echo, lines, signals of keys, and what is made of newlines.
fn modes(terminal: &OwnedFd) -> (u32, u32, u32) {
    // SAFETY: integers and arrays of them: all zeros are a value.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: an open terminal, and room for its modes.
    let answer = unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut modes) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    (modes.c_lflag, modes.c_iflag, modes.c_oflag)
}

/// The place of a text on what was shown.
fn place(left: &Left, text: &str) -> usize {
    let found = left.shown.find(text);
    found.unwrap_or_else(|| panic!("{text:?} is not in {:?}", left.shown))
}

#[test]
fn a_panic_is_told_on_the_first_screen_of_a_terminal_as_it_was() {
    if is_inside() {
        let _ = on_terminal::<()>(|_| panic!("drawing went wrong"));
        return;
    }
    let left = inside("a_panic_is_told_on_the_first_screen_of_a_terminal_as_it_was");
    let (taken, given_back) = (place(&left, OTHER_SCREEN), place(&left, FIRST_SCREEN));
    let told = place(&left, "drawing went wrong");
    assert!(taken < given_back && given_back < told, "{:?}", left.shown);
    assert!(left.is_restored);
}

#[test]
fn a_failure_leaves_the_terminal_as_it_was() {
    if is_inside() {
        let failed = on_terminal::<()>(|_| anyhow::bail!("the source has failed"));
        failed.expect("what was to fail");
        return;
    }
    let left = inside("a_failure_leaves_the_terminal_as_it_was");
    let (taken, given_back) = (place(&left, OTHER_SCREEN), place(&left, FIRST_SCREEN));
    let told = place(&left, "the source has failed");
    assert!(taken < given_back && given_back < told, "{:?}", left.shown);
    assert!(left.is_restored);
}
