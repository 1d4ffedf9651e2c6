//! The executable file mappings in `/proc/PID/maps`.

use std::ops::Range;

/// One line of `/proc/PID/maps` that maps a file for execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping<'m> {
    /// `START-END` as the line writes it.
    pub range: &'m str,
    /// Where in the file the mapping begins.
    pub offset: u64,
    /// The file's device (major in the high half) and inode; what `fstat` says may differ.
    pub device: u64,
    /// See `device`.
    pub inode: u64,
    /// The path as the process sees it, perhaps with ` (deleted)` at its end.
    pub path: &'m str,
}

impl Mapping<'_> {
    /// The addresses that it covers.
    pub fn addresses(&self) -> Option<Range<u64>> {
        let (start, end) = self.range.split_once('-')?;
        Some(hexadecimal(start)?..hexadecimal(end)?)
    }

    /// The name in `map_files`, which fills up no address with zeros: those of a program that is
    /// not position-independent are short.
    pub fn file_name(&self) -> String {
        let (start, end) = self.range.split_once('-').unwrap_or((self.range, ""));
        let short = |address: &str| match address.trim_start_matches('0') {
            "" => "0".to_owned(),
            digits => digits.to_owned(),
        };
        format!("{}-{}", short(start), short(end))
    }

    /// The path, without the mark of a deleted file.
    pub fn plain_path(&self) -> &str {
        self.path.strip_suffix(" (deleted)").unwrap_or(self.path)
    }
}

/// Every executable file mapping in the text, in order. Lines that cannot be read are skipped.
pub(super) fn executable_mappings(maps: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    maps.split(|byte| *byte == b'\n').filter_map(parse)
}

/// `5580a-5581b r-xp 00002000 fe:00 247282      /usr/bin/head`
fn parse(line: &[u8]) -> Option<Mapping<'_>> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    if *line.get(space + 3)? != b'x' {
        return None;
    }
    // The path is bytes; a name that is no text still has its range, device and inode.
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).ok()?,
    };
    let mut fields = text.splitn(6, ' ');
    let range = fields.next()?;
    let offset = hexadecimal(fields.nth(1)?)?;
    let device = device(fields.next()?)?;
    let inode = fields.next()?.parse().ok()?;
    let path = fields.next().unwrap_or("").trim_start_matches(' ');
    (inode != 0).then_some(Mapping {
        range,
        offset,
        device,
        inode,
        path,
    })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// `MAJOR:MINOR` in hexadecimal.
fn device(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(number(major)? << 32 | number(minor)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_mappings_of_files_are_taken() {
        let maps = b"\
56413c0d9000-56413c0db000 r--p 00000000 fe:00 247282                     /usr/bin/head
56413c0db000-56413c0e1000 r-xp 00002000 fe:00 247282                     /usr/bin/head
56413c0e5000-56413c0e6000 rwxp 0000b000 fe:00 12 /tmp/a b (deleted)
7ffd0a000000-7ffd0a021000 rwxp 00000000 00:00 0                          [stack]
7ffd0a1fe000-7ffd0a200000 r-xp 00000000 00:00 0                          [vdso]
cut off";
        let mappings: Vec<_> = executable_mappings(maps).collect();
        assert_eq!(mappings.len(), 2);
        assert_eq!(mappings[0].range, "56413c0db000-56413c0e1000");
        assert_eq!(
            (mappings[0].device, mappings[0].inode),
            (0xfe_0000_0000, 247_282)
        );
        assert_eq!(mappings[0].path, "/usr/bin/head");
        assert_eq!(mappings[0].offset, 0x2000);
        assert_eq!(
            mappings[0].addresses(),
            Some(0x5641_3c0d_b000..0x5641_3c0e_1000)
        );
        assert_eq!(mappings[1].plain_path(), "/tmp/a b");
    }

    #[test]
    fn short_addresses_have_no_zeros_in_map_files() {
        let name = |line: &[u8]| parse(line).expect("a mapping").file_name();
        let line = b"00401000-00402000 r-xp 00001000 fe:00 5 /bin/a";
        assert_eq!(name(line), "401000-402000");
        let line = b"00000000-00001000 r-xp 00001000 fe:00 5 /bin/a";
        assert_eq!(name(line), "0-1000");
    }

    #[test]
    fn a_path_that_is_no_text_keeps_its_mapping() {
        let maps = b"1000-2000 r-xp 00000000 fe:00 5 /tmp/\xff\xfe\n";
        let mappings: Vec<_> = executable_mappings(maps).collect();
        assert_eq!((mappings[0].inode, mappings[0].path), (5, "/tmp/"));
    }
}
