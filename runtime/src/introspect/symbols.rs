//! Names for addresses of this process's own code, by blazesym.

use std::fmt::Write;

use blazesym::symbolize::{
    CodeInfo, Input, Sym, Symbolized, Symbolizer,
    source::{Process, Source},
};
use blazesym::{Addr, Pid};

/// A line for each function, inlined ones included, innermost first. Where nothing is known of an
/// address, the address.
pub(super) fn lines(addresses: &[u64]) -> Vec<String> {
    let addresses = addresses.to_vec();
    // Reading debug information takes more stack than a task may have, and blocks.
    let reader = std::thread::Builder::new().name("symbols".to_owned());
    let lines = crate::blocking(|| {
        let lines = addresses.clone();
        let reader = reader.spawn(move || read(&lines)).ok()?;
        reader.join().ok()
    });
    lines.unwrap_or_else(|| addresses.iter().map(|address| unknown(*address)).collect())
}

fn read(addresses: &[u64]) -> Vec<String> {
    // All but the first are where calls return to: the call is before.
    let calls = addresses.iter().enumerate();
    let calls: Vec<Addr> = calls
        .map(|(place, address)| *address as Addr - u64::from(place > 0))
        .collect();
    let source = Source::Process(Process::new(Pid::Slf));
    let symbolizer = Symbolizer::new();
    let symbolized = symbolizer.symbolize(&source, Input::AbsAddr(&calls));
    let mut symbolized = symbolized.unwrap_or_default().into_iter();
    let lines = addresses.iter().map(|address| match symbolized.next() {
        Some(Symbolized::Sym(symbol)) => lines_of(&symbol),
        _ => vec![unknown(*address)],
    });
    lines.flatten().collect()
}

/// The inlined functions are listed outermost first.
fn lines_of(symbol: &Sym<'_>) -> Vec<String> {
    let inlined = symbol.inlined.iter().rev();
    let inlined = inlined.map(|inlined| line(&inlined.name, inlined.code_info.as_ref()));
    inlined
        .chain([line(&symbol.name, symbol.code_info.as_deref())])
        .collect()
}

fn line(name: &str, code: Option<&CodeInfo<'_>>) -> String {
    let mut line = name.to_owned();
    if let Some(code) = code {
        // A `String` takes everything.
        let _ = write!(line, " {}", code.to_path().display());
        if let Some(number) = code.line {
            let _ = write!(line, ":{number}");
        }
    }
    line
}

fn unknown(address: u64) -> String {
    format!("{address:#x}")
}
