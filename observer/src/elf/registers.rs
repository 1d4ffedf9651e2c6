//! The registers that an argument may name, per architecture.

/// A register as it may be written in a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Register {
    /// The name, without `%`.
    pub name: &'static str,
    /// It can hold an address.
    pub addresses: bool,
}

/// Full and 32-bit names; an address may be in any of them.
const X86_WIDE: [&str; 34] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15", "rip", "eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "r8d", "r9d",
    "r10d", "r11d", "r12d", "r13d", "r14d", "r15d", "eip",
];

/// 16-bit and 8-bit parts.
const X86_NARROW: [&str; 44] = [
    "ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
    "r14w", "r15w", "al", "bl", "cl", "dl", "sil", "dil", "bpl", "spl", "ah", "bh", "ch", "dh",
    "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b", "r8l", "r9l", "r10l", "r11l",
    "r12l", "r13l", "r14l", "r15l",
];

const X86_VECTOR: [&str; 16] = [
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
    "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
];

const AARCH64_WIDE: [&str; 35] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30", "sp", "fp", "lr", "xzr",
];

const AARCH64_NARROW: [&str; 33] = [
    "w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "w11", "w12", "w13", "w14",
    "w15", "w16", "w17", "w18", "w19", "w20", "w21", "w22", "w23", "w24", "w25", "w26", "w27",
    "w28", "w29", "w30", "wsp", "wzr",
];

/// The x86 register of this name (without `%`).
pub(super) fn x86(name: &str) -> Option<Register> {
    find(&X86_WIDE, true, name)
        .or_else(|| find(&X86_NARROW, false, name))
        .or_else(|| find(&X86_VECTOR, false, name))
}

/// The AArch64 register of this name.
pub(super) fn aarch64(name: &str) -> Option<Register> {
    find(&AARCH64_WIDE, true, name).or_else(|| find(&AARCH64_NARROW, false, name))
}

fn find(names: &[&'static str], addresses: bool, name: &str) -> Option<Register> {
    let name = names.iter().find(|known| **known == name)?;
    Some(Register { name, addresses })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_register_of_the_contract_is_known() {
        let known = |name| x86(name).or_else(|| aarch64(name));
        assert!(
            runtime_abi::ARGUMENT_REGISTERS
                .into_iter()
                .all(|name| known(name).is_some())
        );
    }

    #[test]
    fn no_part_of_a_register_holds_an_address() {
        assert!(x86("rsp").is_some_and(|register| register.addresses));
        assert!(x86("al").is_some_and(|register| !register.addresses));
        assert_eq!(x86("st"), None);
        assert_eq!(aarch64("x31"), None);
    }
}
