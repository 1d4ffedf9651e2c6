//! Operands in AArch64 syntax.

use super::arguments::{Memory, Place, integer};
use super::registers;

/// Decodes `x0`, `w1`, `-1`, `#4`, `[sp, 16]`, `[x0, x1, lsl 3]`.
pub(super) fn place(form: &str) -> Option<Place> {
    if let Some(inside) = form.strip_prefix('[') {
        return memory(inside.strip_suffix(']')?).map(Place::Memory);
    }
    if let Some(register) = registers::aarch64(form) {
        return Some(Place::Register(register.name));
    }
    number(form).map(Place::Constant)
}

fn number(text: &str) -> Option<i128> {
    integer(text.strip_prefix('#').unwrap_or(text))
}

/// `base`, `base, offset`, `base, index` or `base, index, lsl shift`. An index that is extended
/// from 32 bits with its sign is no sum of registers, so it is unknown.
fn memory(text: &str) -> Option<Memory> {
    let mut parts = text.split(',').map(str::trim);
    let base = Some(address_register(parts.next()?)?);
    let (second, third) = (parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let Some(second) = second else {
        return Some(Memory {
            base,
            ..Memory::default()
        });
    };
    if let Some(offset) = number(second) {
        let offset = i64::try_from(offset).ok()?;
        return third.is_none().then(|| Memory {
            base,
            offset,
            ..Memory::default()
        });
    }
    let index = Some((address_register(second)?, factor(third)?));
    Some(Memory {
        base,
        index,
        ..Memory::default()
    })
}

fn address_register(name: &str) -> Option<&'static str> {
    let register = registers::aarch64(name)?;
    register.addresses.then_some(register.name)
}

fn factor(shift: Option<&str>) -> Option<u8> {
    let Some(shift) = shift else { return Some(1) };
    match number(shift.strip_prefix("lsl")?.trim_start())? {
        shift @ 0..=3 => Some(1 << shift),
        _ => None,
    }
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
    fn registers_and_constants() {
        assert_eq!(place("x0"), Some(Place::Register("x0")));
        assert_eq!(place("w30"), Some(Place::Register("w30")));
        assert_eq!(place("sp"), Some(Place::Register("sp")));
        assert_eq!(place("-1"), Some(Place::Constant(-1)));
        assert_eq!(place("#4"), Some(Place::Constant(4)));
    }

    #[test]
    fn memory_with_base_and_offset_or_index() {
        let memory = |form| match place(form) {
            Some(Place::Memory(memory)) => memory,
            other => panic!("{form}: {other:?}"),
        };
        assert_eq!(memory("[x0]"), at("x0", 0));
        assert_eq!(memory("[sp, 16]"), at("sp", 16));
        assert_eq!(memory("[x29,#-8]"), at("x29", -8));
        assert_eq!(
            memory("[x0, x1]"),
            Memory {
                index: Some(("x1", 1)),
                ..at("x0", 0)
            }
        );
        assert_eq!(
            memory("[x0, x1, lsl 3]"),
            Memory {
                index: Some(("x1", 8)),
                ..at("x0", 0)
            }
        );
        assert_eq!(
            memory("[x0,x1,lsl#2]"),
            Memory {
                index: Some(("x1", 4)),
                ..at("x0", 0)
            }
        );
    }

    #[test]
    fn what_is_none_of_these_is_unknown() {
        for form in [
            "",
            "x31",
            "[]",
            "[w0]",
            "[x0",
            "[x0, w1, sxtw 2]",
            "[x0, x1, lsl 9]",
            "[x0, 1, 2]",
            "[x0, x1, lsl 1, 2]",
            "[x0, :lo12:a]",
            "[x0], 8",
            "symbol",
            "é",
        ] {
            assert_eq!(place(form), None, "{form}");
        }
    }
}
