//! The separate debug file of a build id, where distributions put it.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::elf::Image;

/// Where distributions put debug files by build id: of this file system, not of the target's.
pub const DEBUG_FILES: &str = "/usr/lib/debug/.build-id";

/// The debug file of a build id in this directory, if there is one and it says that it is.
pub(super) fn find(directory: &Path, build_id: &[u8]) -> Option<PathBuf> {
    let (first, rest) = build_id.split_first().filter(|(_, rest)| rest.len() >= 7)?;
    let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = directory.join(format!("{first:02x}")).join(rest + ".debug");
    let image = Image::read(&File::open(&path).ok()?).ok()?;
    (image.build_id == build_id).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_debug_file_is_found_by_its_build_id_and_only_if_it_has_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = fs::read("/usr/bin/env").expect("it is there");
        let opened = File::open("/usr/bin/env").expect("readable");
        let build_id = Image::read(&opened).expect("an ELF file").build_id;
        let name: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = directory
            .path()
            .join(&name[..2])
            .join(format!("{}.debug", &name[2..]));
        assert_eq!(find(directory.path(), &build_id), None);
        fs::create_dir(path.parent().expect("a folder")).expect("created");
        fs::write(&path, &program).expect("written");
        assert_eq!(find(directory.path(), &build_id), Some(path.clone()));
        fs::copy("/proc/self/exe", &path).expect("another program");
        assert_eq!(find(directory.path(), &build_id), None);
    }

    #[test]
    fn a_build_id_that_is_too_short_has_none() {
        let directory = Path::new(DEBUG_FILES);
        assert_eq!(find(directory, &[1, 2, 3]), None);
        assert_eq!(find(directory, &[]), None);
    }
}
