//! The argument strings of notes: `8@%rdi -4@-20(%rbp) 4@$7`.
//!
//! Arguments are separated by spaces, each a size and an operand in the syntax of the
//! architecture's assembler (<https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation>):
//!
//! | form | x86 | AArch64 |
//! |---|---|---|
//! | register | `8@%rdi`, `1@%al` | `8@x0`, `4@w1` |
//! | constant | `-4@$-1` | `-4@-1` |
//! | memory | `8@-8(%rbp,%rax,8)`, `4@count+4(%rip)` | `8@[sp, 16]`, `8@[x0, x1, lsl 3]` |
//!
//! A size is 1, 2, 4 or 8; a minus sign before it says signed. A form that is not in the table
//! (a float, a segment, a relocation operator) is unknown, never guessed.

use serde::Serialize;

use super::{aarch64, x86};

/// Most arguments that are decoded of one note; the format knows twelve.
pub const MAX_OPERANDS: usize = 16;

/// Whose assembler syntax an argument string is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86, 64 or 32 bits (AT&T syntax).
    X86,
    /// AArch64.
    Aarch64,
    /// Another one: every form is unknown.
    Other,
}

/// Where an argument is found when its probe fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OperandKind {
    /// In a register, or a part of one.
    Register,
    /// In the note itself, or the address of a symbol plus the offset.
    Constant,
    /// At the address base + index * scale + offset + symbol.
    Memory,
}

/// One decoded argument. Fields that the kind does not use are `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Operand {
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// The value is signed.
    pub signed: bool,
    /// Where it is.
    pub kind: OperandKind,
    /// The register's name as in the note, without `%`: `rdi`, `al`, `w1`.
    pub register: Option<&'static str>,
    /// The value, from -2^63 to 2^64-1.
    pub constant: Option<i128>,
    /// The register that holds the address.
    pub base: Option<&'static str>,
    /// The register that is multiplied by the scale and added.
    pub index: Option<&'static str>,
    /// The index's factor; `None` without an index.
    pub scale: Option<u8>,
    /// What is added; for memory always there.
    pub offset: Option<i64>,
    /// The symbol whose address is added.
    pub symbol: Option<Box<str>>,
}

/// Decodes an argument string; `None` for an argument whose form is unknown. Arguments beyond
/// [`MAX_OPERANDS`] are left out.
///
/// ```
/// use observer::elf::{Architecture, OperandKind, decode_operands};
///
/// let operands = decode_operands("8@%rdi -4@-20(%rbp) 8f@%xmm0", Architecture::X86);
/// let first = operands[0].as_ref().unwrap();
/// assert_eq!((first.size, first.signed, first.register), (8, false, Some("rdi")));
/// let second = operands[1].as_ref().unwrap();
/// assert_eq!((second.kind, second.base, second.offset), (OperandKind::Memory, Some("rbp"), Some(-20)));
/// assert_eq!(operands[2], None);
/// ```
#[must_use]
pub fn decode_operands(arguments: &str, architecture: Architecture) -> Vec<Option<Operand>> {
    let mut rest = arguments.trim_start();
    let mut operands = Vec::new();
    while !rest.is_empty() && operands.len() < MAX_OPERANDS {
        let (argument, after) = rest.split_at(argument_length(rest));
        operands.push(decode(argument, architecture));
        rest = after.trim_start();
    }
    operands
}

/// Where the first argument ends: at white space, but not inside brackets that are closed
/// before the next argument's `@`.
fn argument_length(text: &str) -> usize {
    let mut from = 0;
    while let Some(found) = text[from..].find(|c: char| c.is_whitespace() || "([".contains(c)) {
        let at = from + found;
        let closing = match text.as_bytes()[at] {
            b'(' => ')',
            b'[' => ']',
            _ => return at,
        };
        from = at + 1;
        let end = text[from..]
            .find([closing, '@'])
            .map(|length| from + length);
        if let Some(end) = end.filter(|end| text.as_bytes()[*end] != b'@') {
            from = end;
        }
    }
    text.len()
}

fn decode(argument: &str, architecture: Architecture) -> Option<Operand> {
    let (size, form) = argument.split_once('@')?;
    let (signed, size) = match size.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, size),
    };
    let size = match size {
        "1" => 1,
        "2" => 2,
        "4" => 4,
        "8" => 8,
        _ => return None,
    };
    let place = match architecture {
        Architecture::X86 => x86::place(form)?,
        Architecture::Aarch64 => aarch64::place(form)?,
        Architecture::Other => return None,
    };
    Some(place.operand(size, signed))
}

/// Where a value is, before its size is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Register(&'static str),
    Constant(i128),
    /// A symbol's address and what is added to it.
    Address(Box<str>, i64),
    Memory(Memory),
}

/// The parts of an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub base: Option<&'static str>,
    pub index: Option<(&'static str, u8)>,
    pub offset: i64,
    pub symbol: Option<Box<str>>,
}

impl Place {
    fn operand(self, size: u8, signed: bool) -> Operand {
        let empty = |kind| Operand {
            size,
            signed,
            kind,
            register: None,
            constant: None,
            base: None,
            index: None,
            scale: None,
            offset: None,
            symbol: None,
        };
        match self {
            Self::Register(name) => Operand {
                register: Some(name),
                ..empty(OperandKind::Register)
            },
            Self::Constant(value) => Operand {
                constant: Some(value),
                ..empty(OperandKind::Constant)
            },
            Self::Address(symbol, offset) => Operand {
                symbol: Some(symbol),
                offset: Some(offset),
                ..empty(OperandKind::Constant)
            },
            Self::Memory(memory) => Operand {
                base: memory.base,
                index: memory.index.map(|(register, _)| register),
                scale: memory.index.map(|(_, scale)| scale),
                offset: Some(memory.offset),
                symbol: memory.symbol,
                ..empty(OperandKind::Memory)
            },
        }
    }
}

/// An integer with an optional sign, decimal or `0x`, that fits 64 bits either way.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -value } else { value };
    (value >= i128::from(i64::MIN)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_separated_outside_brackets_only() {
        let lengths = |text: &str, architecture| decode_operands(text, architecture).len();
        assert_eq!(lengths("8@[sp, 16] 8@x1", Architecture::Aarch64), 2);
        assert_eq!(
            lengths("  4@(%rax, %rbx, 4)\t4@%eax ", Architecture::X86),
            2
        );
        assert_eq!(lengths("", Architecture::X86), 0);
    }

    #[test]
    fn an_open_bracket_costs_its_own_argument_only() {
        let operands = decode_operands("4@(%rax 8@%rbx", Architecture::X86);
        assert_eq!(operands.len(), 2);
        assert_eq!(operands[0], None);
        assert_eq!(operands[1].as_ref().unwrap().register, Some("rbx"));
    }

    #[test]
    fn unknown_sizes_and_forms_keep_their_place() {
        for unknown in [
            "8f@%xmm0", "3@%rax", "@%rax", "%rax", "--4@%rax", "8@", "16@%xmm0",
        ] {
            let text = format!("{unknown} 8@%rdi");
            let operands = decode_operands(&text, Architecture::X86);
            assert_eq!(operands[0], None, "{unknown}");
            assert!(operands[1].is_some(), "{unknown}");
        }
        assert_eq!(decode_operands("4@r3", Architecture::Other), vec![None]);
    }

    #[test]
    fn arguments_beyond_the_bound_are_left_out() {
        let text = "8@%rdi ".repeat(MAX_OPERANDS + 5);
        assert_eq!(
            decode_operands(&text, Architecture::X86).len(),
            MAX_OPERANDS
        );
    }

    #[test]
    fn integers_fit_64_bits() {
        assert_eq!(integer("18446744073709551615"), Some(i128::from(u64::MAX)));
        assert_eq!(integer("18446744073709551616"), None);
        assert_eq!(integer("-9223372036854775808"), Some(i128::from(i64::MIN)));
        assert_eq!(integer("-9223372036854775809"), None);
        assert_eq!(integer("0x10"), Some(16));
        assert_eq!(integer("-+5"), None);
        assert_eq!(integer("-"), None);
        assert_eq!(integer(""), None);
    }

    #[test]
    fn json_has_every_field_of_the_contract() {
        let operands = decode_operands("-4@-20(%rbp)", Architecture::X86);
        let json = serde_json::to_value(&operands).unwrap();
        let expected = serde_json::json!([{
            "size": 4, "signed": true, "kind": "memory", "register": null, "constant": null,
            "base": "rbp", "index": null, "scale": null, "offset": -20, "symbol": null,
        }]);
        assert_eq!(json, expected);
    }

    #[test]
    fn a_constant_above_the_signed_range_is_printed_whole() {
        let operands = decode_operands("8@$18446744073709551615", Architecture::X86);
        let json = serde_json::to_string(&operands[0]).unwrap();
        assert!(json.contains("\"constant\":18446744073709551615"), "{json}");
    }
}
