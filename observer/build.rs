//! Puts the kernel programs into the library.
//!
//! `cargo xtask build` builds them and names the object in `PARKWATCH_EBPF_OBJECT`; without
//! the variable the observer is built without them, and says so when it is asked to run.

use std::path::{Path, PathBuf};
use std::{env, fs};

const VARIABLE: &str = "PARKWATCH_EBPF_OBJECT";

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let constant = match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(object) => include(Path::new(&object), &out),
        None => "None".to_owned(),
    };
    let source = format!("const OBJECT: Option<&[u8]> = {constant};\n");
    fs::write(out.join("object.rs"), source).expect("OUT_DIR is writable");
}

/// Copies the object and returns the expression that includes it.
fn include(object: &Path, out: &Path) -> String {
    println!("cargo::rerun-if-changed={}", object.display());
    let copy = out.join("observer-ebpf.o");
    if let Err(error) = fs::copy(object, &copy) {
        panic!("{VARIABLE}={}: {error}", object.display());
    }
    format!(
        "Some(aya::include_bytes_aligned!({:?}))",
        copy.display().to_string()
    )
}
