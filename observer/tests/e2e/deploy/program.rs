//! The program itself, as it is shipped.

use object::Endianness;
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::harness::require;

/// It is pulled to every node.
const MAX_BYTES: usize = 20_000_000;

#[test]
fn the_shipped_program_is_static_and_small() {
    let image = std::fs::read(require("PARKWATCH_STATIC_OBSERVER")).expect("the program");
    assert!(image.len() < MAX_BYTES, "{} bytes", image.len());
    let header = FileHeader64::<Endianness>::parse(&*image).expect("an ELF file");
    let endian = header.endian().expect("its byte order");
    let segments = header
        .program_headers(endian, &*image)
        .expect("its segments");
    assert!(
        segments
            .iter()
            .all(|segment| segment.p_type(endian) != PT_INTERP),
        "it needs a dynamic linker"
    );
}

#[test]
fn nothing_else_is_in_the_image() {
    let root = require("PARKWATCH_IMAGE").join("rootfs");
    let shipped = std::fs::read(require("PARKWATCH_STATIC_OBSERVER")).expect("the program");
    assert_eq!(
        std::fs::read(root.join("observer")).expect("/observer"),
        shipped
    );
    // Mount points that a container's start has left are empty folders.
    let files = std::fs::read_dir(&root).expect("the root").flatten();
    let files: Vec<_> = files.filter(|entry| !entry.path().is_dir()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
}
