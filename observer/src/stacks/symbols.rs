//! Functions, files and lines of addresses.
//!
//! blazesym reads symbol tables and DWARF, of the file itself or of its separate debug file: one
//! that its debug link names, or that lies under its build id. A file is named by our descriptor
//! of it, so it is the one that runs. Where nothing is known, a frame is its module and offset.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};
use serde::{Deserialize, Serialize};

use super::debug_file;
use super::modules::{Module, Modules};
use crate::collect::printable;
use crate::model::short_file_name;

/// Most functions that may be inlined at one address.
const MAX_INLINED: usize = 64;

/// One function of a stack. Where functions were inlined, several have the same address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// The address in the process.
    pub address: u64,
    /// The path of the file that the code is of; empty if it is of none.
    pub module: String,
    /// The address as that file states it.
    pub offset: u64,
    /// The function, demangled; `None` if the file does not tell.
    pub function: Option<String>,
    /// The source file, without prefixes that differ from machine to machine.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// It was inlined into the next frame.
    #[serde(default)]
    pub inlined: bool,
    /// It is not the program's own, and left out where people read.
    #[serde(default)]
    pub hidden: bool,
}

/// Names addresses of one process.
pub(super) struct Symbols {
    symbolizer: Symbolizer,
    debug_files: PathBuf,
    /// By the file's descriptor.
    sources: HashMap<i32, Sources>,
    /// Files larger than this are named by their symbol tables only.
    max_debug_bytes: u64,
}

/// Where to look for a file's symbols, the best first; those that cannot be read are left out.
struct Sources {
    /// Debug information: inlined functions and lines, but where it has line tables only, names
    /// without their paths.
    debug: Vec<Source<'static>>,
    /// Symbol tables.
    plain: Vec<Source<'static>>,
}

impl Symbols {
    /// With the separate debug files of this directory.
    pub fn new(debug_files: &Path) -> Self {
        Self::with_debug_files_up_to(debug_files, u64::MAX)
    }

    /// Debug information is read of files that are not larger than this: reading it takes time and
    /// memory in proportion.
    pub fn with_debug_files_up_to(debug_files: &Path, max_debug_bytes: u64) -> Self {
        Self {
            symbolizer: Symbolizer::new(),
            debug_files: debug_files.to_owned(),
            sources: HashMap::new(),
            max_debug_bytes,
        }
    }

    /// The functions at an address, the innermost first; at least one frame.
    pub fn frames(&mut self, modules: &Modules, address: u64) -> Vec<Frame> {
        let Some(module) = modules.find(address) else {
            let unknown = Frame {
                address,
                ..Frame::default()
            };
            return vec![unknown];
        };
        let place = Frame {
            address,
            module: printable(&module.mapped.path),
            offset: module.stated(address),
            ..Frame::default()
        };
        let named = self.named(module, &place);
        if named.is_empty() { vec![place] } else { named }
    }

    fn named(&mut self, module: &Module, place: &Frame) -> Vec<Frame> {
        let Some(file) = &module.mapped.file else {
            return Vec::new();
        };
        let descriptor = file.as_raw_fd();
        let max_debug_bytes = self.max_debug_bytes;
        let sources = self
            .sources
            .entry(descriptor)
            .or_insert_with(|| Sources::of(module, descriptor, &self.debug_files, max_debug_bytes));
        let mut frames = look_up(&self.symbolizer, &mut sources.debug, place);
        let has_path = |frame: &Frame| frame.function.as_ref().is_some_and(|f| f.contains("::"));
        if frames.last().is_none_or(|outermost| !has_path(outermost)) {
            let named = look_up(&self.symbolizer, &mut sources.plain, place);
            match (frames.last_mut(), named.into_iter().next_back()) {
                (Some(outermost), Some(symbol)) => outermost.function = symbol.function,
                (None, symbol) => frames.extend(symbol),
                (Some(_), None) => {}
            }
        }
        frames
    }
}

impl Sources {
    fn of(module: &Module, descriptor: i32, debug_files: &Path, max_debug_bytes: u64) -> Self {
        let build_id = module.image.as_ref().map(|image| image.build_id.as_slice());
        let own = PathBuf::from(format!("/proc/self/fd/{descriptor}"));
        let separate = build_id.and_then(|build_id| debug_file::find(debug_files, build_id));
        let paths = || separate.iter().chain([&own]);
        let plain = |path| {
            let mut elf = Elf::new(path);
            elf.debug_syms = false;
            Source::from(elf)
        };
        let is_small = |path: &&PathBuf| {
            let metadata = path.metadata();
            metadata.is_ok_and(|metadata| metadata.len() <= max_debug_bytes)
        };
        let debug = paths().filter(is_small);
        Self {
            debug: debug.map(|path| Elf::new(path).into()).collect(),
            plain: paths().map(plain).collect(),
        }
    }
}

/// What the first source that knows the place says of it.
fn look_up(
    symbolizer: &Symbolizer,
    sources: &mut Vec<Source<'static>>,
    place: &Frame,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    sources.retain(|source| {
        if !frames.is_empty() {
            return true;
        }
        let found = symbolizer.symbolize_single(source, Input::VirtOffset(place.offset));
        match found {
            Ok(Symbolized::Sym(symbol)) => frames = frames_of(&symbol, place),
            Ok(Symbolized::Unknown(_)) => {}
            Err(error) => {
                tracing::debug!(module = place.module, %error, "no symbols of this source");
                return false;
            }
        }
        true
    });
    frames
}

/// The functions of a symbol: blazesym has the outermost first.
fn frames_of(symbol: &Sym<'_>, place: &Frame) -> Vec<Frame> {
    let frame = |name: &str, code: Option<&CodeInfo<'_>>, inlined| Frame {
        function: Some(printable(name)),
        file: code.map(|code| printable(&short_file_name(&code.to_path().to_string_lossy()))),
        line: code.and_then(|code| code.line),
        inlined,
        ..place.clone()
    };
    let inlined = symbol.inlined.iter().rev().take(MAX_INLINED);
    let mut frames: Vec<Frame> = inlined
        .map(|function| frame(&function.name, function.code_info.as_ref(), true))
        .collect();
    frames.push(frame(&symbol.name, symbol.code_info.as_deref(), false));
    frames
}

impl Frame {
    /// Module and offset, or the address that is in no module: for what has no name or no line.
    #[must_use]
    pub fn place(&self) -> String {
        match self.module.as_str() {
            "" => format!("{:#x}", self.address),
            module => format!("{module}+{:#x}", self.offset),
        }
    }
}

/// One line: the function, and its file and line where they are known.
impl Display for Frame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => f.write_str(&self.place())?,
        }
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})"),
            (Some(file), None) => write!(f, " ({file})"),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
impl Frame {
    /// A frame of which only the function is known.
    pub(crate) fn named(function: &str) -> Self {
        Self {
            function: Some(function.to_owned()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stacks::DEBUG_FILES;

    #[inline(never)]
    fn known_function() -> u64 {
        std::hint::black_box(known_function as *const () as u64)
    }

    #[test]
    fn a_function_of_ours_has_its_name_file_and_line() {
        let modules = Modules::of(std::process::id()).expect("it may look at itself");
        let frames = Symbols::new(Path::new(DEBUG_FILES)).frames(&modules, known_function());
        let frame = frames.last().expect("at least one");
        let function = frame.function.as_deref().expect("a name");
        assert!(
            function.ends_with("symbols::tests::known_function"),
            "{function}"
        );
        let file = frame.file.as_deref().expect("a file");
        assert!(file.ends_with("stacks/symbols.rs"), "{file}");
        assert!(frame.line.is_some_and(|line| line > 100), "{frame:?}");
    }

    #[test]
    fn of_a_file_too_large_the_symbol_table_alone_is_read() {
        let modules = Modules::of(std::process::id()).expect("it may look at itself");
        let mut symbols = Symbols::with_debug_files_up_to(Path::new(DEBUG_FILES), 1);
        let frames = symbols.frames(&modules, known_function());
        let [frame] = frames.as_slice() else {
            panic!("inlined functions are not known: {frames:?}")
        };
        assert!(frame.to_string().ends_with("tests::known_function"));
    }

    #[test]
    fn a_frame_is_a_line_of_what_is_known_of_it() {
        let mut frame = Frame::named("shop::take");
        assert_eq!(frame.to_string(), "shop::take");
        frame.file = Some("src/stock.rs".to_owned());
        assert_eq!(frame.to_string(), "shop::take (src/stock.rs)");
        frame.line = Some(7);
        assert_eq!(frame.to_string(), "shop::take (src/stock.rs:7)");
        let nameless = Frame {
            module: "/srv/shop".to_owned(),
            offset: 0x12,
            ..Frame::default()
        };
        assert_eq!(nameless.to_string(), "/srv/shop+0x12");
    }

    #[test]
    fn an_address_of_no_file_is_a_frame_all_the_same() {
        let modules = Modules::of(std::process::id()).expect("it may look at itself");
        let frames = Symbols::new(Path::new(DEBUG_FILES)).frames(&modules, 77);
        assert_eq!((frames.len(), frames[0].address), (1, 77));
        assert_eq!(frames[0].function, None);
    }
}
