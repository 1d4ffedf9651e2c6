//! A report as a profile of pprof: `go tool pprof`, speedscope and others open it.
//!
//! A sample is a group, with two values: its tasks, and how long they have been parked in all,
//! as far as they are named. The form is `profile.proto` of github.com/google/pprof, gzipped;
//! `wire.rs` has what we use of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;

use super::report::{Group, Report};
use super::wire;
use crate::stacks::Frame;

/// The profile, gzipped.
///
/// # Errors
///
/// When it cannot be compressed.
pub(super) fn profile(report: &Report) -> std::io::Result<Vec<u8>> {
    let bytes = Builder::default().build(report).encode_to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes)?;
    gzip.finish()
}

/// Numbers for what is referred to; from 1, as profiles demand, or from 0 for strings.
struct Table<T> {
    numbers: HashMap<T, u64>,
    first: u64,
}

impl<T: Hash + Eq> Table<T> {
    fn new(first: u64) -> Self {
        Self {
            numbers: HashMap::new(),
            first,
        }
    }

    /// The number of a thing, and whether it is new.
    fn number(&mut self, thing: T) -> (u64, bool) {
        let next = self.first + self.numbers.len() as u64;
        let number = *self.numbers.entry(thing).or_insert(next);
        (number, number == next)
    }
}

struct Builder {
    profile: wire::Profile,
    strings: Table<String>,
    functions: Table<(String, String)>,
    mappings: Table<String>,
    locations: Table<Vec<Frame>>,
}

impl Default for Builder {
    fn default() -> Self {
        let mut builder = Self {
            profile: wire::Profile::default(),
            strings: Table::new(0),
            functions: Table::new(1),
            mappings: Table::new(1),
            locations: Table::new(1),
        };
        // The first string is the empty one.
        builder.string("");
        builder
    }
}

impl Builder {
    fn build(mut self, report: &Report) -> wire::Profile {
        self.profile.sample_type = vec![
            self.value_type("tasks", "count"),
            self.value_type("parked", "nanoseconds"),
        ];
        self.profile.default_sample_type = self.string("tasks");
        self.profile.time_nanos = i64::try_from(report.taken_unix_ns).unwrap_or(i64::MAX);
        let process = &report.process;
        let comment = self.string(&format!("{} ({})", process.exe, process.pid));
        self.profile.comment = vec![comment];
        for group in &report.groups {
            let sample = self.sample(group);
            self.profile.sample.push(sample);
        }
        self.profile
    }

    fn sample(&mut self, group: &Group) -> wire::Sample {
        let seconds: f64 = group.tasks.iter().map(|task| task.parked_seconds).sum();
        let mut label = vec![
            self.label("state", &group.state),
            self.label("site", &group.site.place),
        ];
        if let Some(reason) = &group.reason {
            label.push(self.label("reason", reason));
        }
        wire::Sample {
            location_id: self.stack(group),
            value: vec![group.count as i64, (seconds * 1e9) as i64],
            label,
        }
    }

    /// The locations of a group's stack, the innermost first, and below all the spawn site: so
    /// that groups without a stack have a place too.
    fn stack(&mut self, group: &Group) -> Vec<u64> {
        let stack = group.stack.as_ref();
        let shown: Vec<&Frame> = stack.iter().flat_map(|stack| stack.shown()).collect();
        let mut locations = Vec::new();
        // Inlined functions share the location of the one that they were inlined into.
        for frames in shown.chunk_by(|frame, next| frame.inlined && frame.address == next.address) {
            locations.push(self.location(frames));
        }
        let site = Frame {
            function: Some(format!("spawned at {}", group.site.describe())),
            ..Frame::default()
        };
        locations.push(self.location(&[&site]));
        locations
    }

    fn location(&mut self, frames: &[&Frame]) -> u64 {
        let key = frames.iter().map(|frame| (*frame).clone()).collect();
        let (id, is_new) = self.locations.number(key);
        if is_new {
            let outermost = frames[frames.len() - 1];
            let location = wire::Location {
                id,
                mapping_id: self.mapping(&outermost.module),
                address: outermost.address,
                line: frames.iter().map(|frame| self.line(frame)).collect(),
            };
            self.profile.location.push(location);
        }
        id
    }

    fn line(&mut self, frame: &Frame) -> wire::Line {
        let name = frame.function.clone().unwrap_or_else(|| frame.place());
        let file = frame.file.clone().unwrap_or_default();
        let (id, is_new) = self.functions.number((name.clone(), file.clone()));
        if is_new {
            let name = self.string(&name);
            let function = wire::Function {
                id,
                name,
                system_name: name,
                filename: self.string(&file),
            };
            self.profile.function.push(function);
        }
        wire::Line {
            function_id: id,
            line: frame.line.unwrap_or_default().into(),
        }
    }

    /// 0 is none.
    fn mapping(&mut self, module: &str) -> u64 {
        if module.is_empty() {
            return 0;
        }
        let (id, is_new) = self.mappings.number(module.to_owned());
        if is_new {
            let mapping = wire::Mapping {
                id,
                filename: self.string(module),
                has_functions: true,
                has_filenames: true,
                has_line_numbers: true,
                has_inline_frames: true,
            };
            self.profile.mapping.push(mapping);
        }
        id
    }

    fn label(&mut self, key: &str, value: &str) -> wire::Label {
        wire::Label {
            key: self.string(key),
            str: self.string(value),
        }
    }

    fn value_type(&mut self, kind: &str, unit: &str) -> wire::ValueType {
        wire::ValueType {
            kind: self.string(kind),
            unit: self.string(unit),
        }
    }

    fn string(&mut self, text: &str) -> i64 {
        let (number, is_new) = self.strings.number(text.to_owned());
        if is_new {
            self.profile.string_table.push(text.to_owned());
        }
        number as i64
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Stack;
    use super::super::samples::{frame, group, report};
    use super::*;
    use std::io::Read as _;

    fn decoded(report: &Report) -> wire::Profile {
        let gzipped = profile(report).expect("compressed");
        let mut bytes = Vec::new();
        let mut gzip = flate2::read::GzDecoder::new(gzipped.as_slice());
        gzip.read_to_end(&mut bytes).expect("gzip");
        wire::Profile::decode(bytes.as_slice()).expect("a profile")
    }

    #[test]
    fn inlined_functions_are_lines_of_one_location_and_the_site_is_the_root() {
        let mut inlined = frame("shop::inner", "src/feed.rs", 4);
        inlined.inlined = true;
        let mut hidden = frame("runtime::park", "park.rs", 1);
        hidden.hidden = true;
        let outer = frame("shop::outer", "src/feed.rs", 9);
        let stack = Stack {
            frames: vec![hidden, inlined, outer.clone(), outer],
            is_cut: false,
        };
        let group = Group {
            stack: Some(stack),
            ..group(3, "mutex", "src/main.rs:7:5")
        };
        let profile = decoded(&report(vec![group.clone(), group]));
        let sample = &profile.sample[0];
        assert_eq!(sample.value, [3, 3_000_000_000]);
        assert_eq!(sample.location_id.len(), 3);
        assert_eq!(sample, &profile.sample[1]);
        assert_eq!(profile.location.len(), 3, "each once");
        let names = |location: u64| -> Vec<&str> {
            let location = &profile.location[location as usize - 1];
            let ids = location.line.iter().map(|line| line.function_id as usize);
            ids.map(|id| profile.string_table[profile.function[id - 1].name as usize].as_str())
                .collect()
        };
        assert_eq!(names(sample.location_id[0]), ["shop::inner", "shop::outer"]);
        assert_eq!(names(sample.location_id[1]), ["shop::outer"]);
        let root = "spawned at src/main.rs:7:5";
        assert_eq!(names(sample.location_id[2]), [root]);
        assert_eq!(profile.string_table[0], "");
    }
}
