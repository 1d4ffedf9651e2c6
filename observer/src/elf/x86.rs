//! Operands in AT&T syntax.

use super::arguments::{Memory, Place, integer};
use super::registers;

/// Decodes `%rdi`, `$-1`, `$symbol+4`, `-8(%rbp,%rax,8)`, `symbol+8(%rip)`, `symbol`.
pub(super) fn place(form: &str) -> Option<Place> {
    match form.as_bytes().first()? {
        b'%' => Some(Place::Register(registers::x86(&form[1..])?.name)),
        b'$' => constant(&form[1..]),
        _ => memory(form).map(Place::Memory),
    }
}

fn constant(text: &str) -> Option<Place> {
    if let Some(value) = integer(text) {
        return Some(Place::Constant(value));
    }
    let (offset, symbol) = sum(text)?;
    match symbol {
        Some(symbol) => Some(Place::Address(symbol, offset)),
        None => Some(Place::Constant(offset.into())),
    }
}

fn memory(form: &str) -> Option<Memory> {
    let Some((before, inside)) = form.split_once('(') else {
        let (offset, symbol) = sum(form)?;
        return Some(Memory {
            offset,
            symbol,
            ..Memory::default()
        });
    };
    let (base, index) = registers_inside(inside.strip_suffix(')')?)?;
    let (offset, symbol) = if before.is_empty() {
        (0, None)
    } else {
        sum(before)?
    };
    Some(Memory {
        base,
        index,
        offset,
        symbol,
    })
}

type Index = Option<(&'static str, u8)>;

/// The parts between the brackets: `base`, `base,index`, `base,index,scale`, `,index,scale`.
fn registers_inside(text: &str) -> Option<(Option<&'static str>, Index)> {
    let mut parts = text.split(',').map(str::trim);
    let base = match parts.next()? {
        "" => None,
        name => Some(address_register(name)?),
    };
    let index = match (parts.next(), parts.next()) {
        (None, _) => None,
        (Some(name), scale) => Some((address_register(name)?, factor(scale)?)),
    };
    let complete = parts.next().is_none() && (base.is_some() || index.is_some());
    complete.then_some((base, index))
}

fn address_register(text: &str) -> Option<&'static str> {
    let register = registers::x86(text.strip_prefix('%')?)?;
    register.addresses.then_some(register.name)
}

fn factor(text: Option<&str>) -> Option<u8> {
    match text {
        None | Some("1") => Some(1),
        Some("2") => Some(2),
        Some("4") => Some(4),
        Some("8") => Some(8),
        Some(_) => None,
    }
}

/// A sum of integers and at most one symbol, as compilers print displacements: `-8`, `16+8-4`,
/// `symbol+4`, `4+symbol`, `symbol@GOTPCREL`.
fn sum(text: &str) -> Option<(i64, Option<Box<str>>)> {
    let mut offset = 0_i64;
    let mut symbol = None;
    let mut rest = text;
    if text.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (term, after) = rest.split_at(term_length(rest));
        let term = term.strip_prefix('+').unwrap_or(term);
        if let Some(value) = integer(term) {
            offset = offset.checked_add(i64::try_from(value).ok()?)?;
        } else if symbol.replace(symbol_name(term)?).is_some() {
            return None;
        }
        rest = after;
    }
    Some((offset, symbol))
}

/// A term runs to the sign of the next one; a sign may stand before a sign (`16+-4`).
fn term_length(text: &str) -> usize {
    let sign = |byte: &u8| matches!(byte, b'+' | b'-');
    let start = text.bytes().take_while(|byte| sign(byte)).count();
    text.bytes()
        .skip(start)
        .position(|byte| sign(&byte))
        .map_or(text.len(), |at| start + at)
}

fn symbol_name(name: &str) -> Option<Box<str>> {
    let first = name.chars().next()?;
    let inside = |c: char| c.is_ascii_alphanumeric() || "_.$@".contains(c);
    let whole = !first.is_ascii_digit() && first != '@' && name.chars().all(inside);
    whole.then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: &'static str, offset: i64) -> Memory {
        Memory {
            base: Some(base),
            offset,
            ..Memory::default()
        }
    }

    #[test]
    fn registers_and_their_parts() {
        for name in [
            "rdi", "edi", "di", "dil", "ah", "r8", "r8d", "r8w", "r8b", "r15", "xmm3",
        ] {
            assert_eq!(place(&format!("%{name}")), Some(Place::Register(name)));
        }
        assert_eq!(place("%r16x"), None);
        assert_eq!(place("%"), None);
    }

    #[test]
    fn constants_and_addresses() {
        assert_eq!(place("$0"), Some(Place::Constant(0)));
        assert_eq!(place("$-1"), Some(Place::Constant(-1)));
        assert_eq!(place("$0xff"), Some(Place::Constant(255)));
        assert_eq!(place("$table+8"), Some(Place::Address("table".into(), 8)));
        assert_eq!(place("$"), None);
        assert_eq!(place("$1.5"), None);
    }

    #[test]
    fn memory_with_base_index_scale_and_offset() {
        assert_eq!(memory("(%rax)"), Some(at("rax", 0)));
        assert_eq!(memory("-8(%rbp)"), Some(at("rbp", -8)));
        assert_eq!(memory("0x10(%rsp)"), Some(at("rsp", 16)));
        let index = Some(("rbx", 4));
        assert_eq!(
            memory("(%rax,%rbx,4)"),
            Some(Memory {
                index,
                ..at("rax", 0)
            })
        );
        let index = Some(("rbx", 1));
        assert_eq!(
            memory("8(%rax,%rbx)"),
            Some(Memory {
                index,
                ..at("rax", 8)
            })
        );
        let index = Some(("rbx", 8));
        assert_eq!(
            memory("16(,%rbx,8)"),
            Some(Memory {
                index,
                base: None,
                ..at("rax", 16)
            })
        );
    }

    #[test]
    fn displacements_of_several_terms_are_summed() {
        assert_eq!(memory("-8+16+-4(%rsp)"), Some(at("rsp", 4)));
        assert_eq!(memory("8-2-1(%rsp)"), Some(at("rsp", 5)));
        assert_eq!(memory("9223372036854775807+1(%rsp)"), None);
    }

    #[test]
    fn memory_by_symbol() {
        let symbol = |name: &str, offset| Memory {
            symbol: Some(name.into()),
            ..at("rip", offset)
        };
        assert_eq!(memory("count(%rip)"), Some(symbol("count", 0)));
        assert_eq!(memory("count+4(%rip)"), Some(symbol("count", 4)));
        assert_eq!(memory("4+count(%rip)"), Some(symbol("count", 4)));
        assert_eq!(
            memory("_ZN1a1bE.llvm.77-8(%rip)"),
            Some(symbol("_ZN1a1bE.llvm.77", -8))
        );
        assert_eq!(memory("x@GOTPCREL(%rip)"), Some(symbol("x@GOTPCREL", 0)));
        assert_eq!(
            memory("count"),
            Some(Memory {
                base: None,
                ..symbol("count", 0)
            })
        );
        assert_eq!(
            memory("1234"),
            Some(Memory {
                offset: 1234,
                ..Memory::default()
            })
        );
    }

    #[test]
    fn what_is_none_of_these_is_unknown() {
        for form in [
            "()",
            "(%al)",
            "(%rax,%rbx,3)",
            "(%rax,%rbx,4,5)",
            "8(%rax",
            "8(%rax))",
            "a+b(%rip)",
            "-a(%rip)",
            "%fs:0(%rax)",
            "%fs:16",
            "*%rax",
            "8 (%rax)",
            "(,)",
            "(rax)",
            "+",
            "1+",
            "é(%rip)",
            "%é",
        ] {
            assert_eq!(place(form), None, "{form}");
        }
    }
}
