//! ELF files made by hand, with just what the reader of notes looks at: a text and a data
//! segment, `.note.stapsdt`, `.stapsdt.base` and the names.

#![allow(dead_code)] // Each test crate uses its part.

/// Address of the text segment, which is 0x100 bytes long.
pub const TEXT: u64 = 0x1000;
/// Address of the data segment, which is 0x80 bytes long in the file and 0x100 in memory.
pub const DATA: u64 = 0x2000;
/// Address of `.stapsdt.base`.
pub const BASE: u64 = 0x1080;

/// How a file is made.
#[derive(Clone, Copy)]
pub struct Form {
    pub wide: bool,
    pub big_endian: bool,
    /// `e_machine`: 62 x86-64, 3 i386, 183 AArch64, 21 PowerPC.
    pub machine: u16,
    /// `e_type`: 1 relocatable, 2 executable, 3 shared.
    pub kind: u16,
}

/// A usual x86-64 shared object.
pub const X86_64: Form = Form {
    wide: true,
    big_endian: false,
    machine: 62,
    kind: 3,
};

/// A file and where its parts are.
pub struct Crafted {
    pub bytes: Vec<u8>,
    pub text_offset: u64,
    pub data_offset: u64,
    pub notes_offset: usize,
    /// Where the section header of the notes holds its size.
    pub notes_size_at: usize,
}

struct Writer {
    form: Form,
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, value: u64, width: usize) {
        let bytes = value.to_le_bytes();
        let mut bytes = bytes[..width].to_vec();
        if self.form.big_endian {
            bytes.reverse();
        }
        self.bytes.extend(bytes);
    }

    fn half(&mut self, value: u16) {
        self.number(value.into(), 2);
    }

    fn word(&mut self, value: u32) {
        self.number(value.into(), 4);
    }

    fn address(&mut self, value: u64) {
        self.number(value, if self.form.wide { 8 } else { 4 });
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn segment(&mut self, flags: u32, offset: u64, address: u64, file: u64, memory: u64) {
        self.word(1);
        if self.form.wide {
            self.word(flags);
        }
        for value in [offset, address, address, file, memory] {
            self.address(value);
        }
        if !self.form.wide {
            self.word(flags);
        }
        self.address(0x1000);
    }

    fn section(&mut self, name: u32, kind: u32, address: u64, offset: u64, bytes: u64) {
        self.word(name);
        self.word(kind);
        for value in [0, address, offset, bytes] {
            self.address(value);
        }
        self.word(0);
        self.word(0);
        self.address(4);
        self.address(0);
    }
}

/// One note of version 3.
pub fn note(form: Form, location: u64, base: u64, semaphore: u64, strings: &[u8]) -> Vec<u8> {
    let mut writer = Writer {
        form,
        bytes: Vec::new(),
    };
    let addresses = if form.wide { 24 } else { 12 };
    writer.word(8);
    writer.word((addresses + strings.len()) as u32);
    writer.word(3);
    writer.bytes.extend(b"stapsdt\0");
    for value in [location, base, semaphore] {
        writer.address(value);
    }
    writer.bytes.extend(strings);
    writer.align();
    writer.bytes
}

/// A file with these bytes as its note section.
pub fn file(form: Form, notes: &[u8]) -> Crafted {
    let (header, segment, section) = if form.wide {
        (64, 56, 64)
    } else {
        (52, 32, 40)
    };
    let text_offset = (header + 2 * segment) as u64;
    let data_offset = text_offset + 0x100;
    let notes_offset = data_offset as usize + 0x80;
    let names = b"\0.note.stapsdt\0.stapsdt.base\0.shstrtab\0";
    let names_offset = notes_offset + notes.len();
    let sections_offset = (names_offset + names.len()).next_multiple_of(8);
    let mut writer = Writer {
        form,
        bytes: b"\x7fELF".to_vec(),
    };
    let ident = [1 + u8::from(form.wide), 1 + u8::from(form.big_endian), 1];
    writer.bytes.extend(ident);
    writer.bytes.resize(16, 0);
    writer.half(form.kind);
    writer.half(form.machine);
    writer.word(1);
    for value in [0, header as u64, sections_offset as u64] {
        writer.address(value);
    }
    writer.word(0);
    for value in [header, segment, 2, section, 4, 3] {
        writer.half(value as u16);
    }
    writer.segment(5, text_offset, TEXT, 0x100, 0x100);
    writer.segment(6, data_offset, DATA, 0x80, 0x100);
    writer.bytes.resize(notes_offset, 0);
    writer.bytes.extend(notes);
    writer.bytes.extend(names);
    writer.bytes.resize(sections_offset, 0);
    writer.section(0, 0, 0, 0, 0);
    writer.section(1, 7, 0, notes_offset as u64, notes.len() as u64);
    writer.section(15, 1, BASE, text_offset + 0x80, 1);
    writer.section(29, 3, 0, names_offset as u64, names.len() as u64);
    let notes_size_at = sections_offset + section + if form.wide { 32 } else { 20 };
    Crafted {
        bytes: writer.bytes,
        text_offset,
        data_offset,
        notes_offset,
        notes_size_at,
    }
}
