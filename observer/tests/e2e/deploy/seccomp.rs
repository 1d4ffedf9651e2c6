//! The seccomp profile `RuntimeDefault` for a set of capabilities.
//!
//! `seccomp.json` is the default profile that Docker, and with few differences containerd and
//! CRI-O, generate theirs from: `seccomp/default.json` of github.com/moby/profiles, Apache-2.0. Its
//! rules depend on capabilities and architecture; a runtime resolves that before it starts a
//! container, and so does this file.

use serde_json::{Value, json};

const PROFILE: &str = include_str!("seccomp.json");
/// How the profile calls this machine's architecture.
const ARCHITECTURE: &str = "amd64";

/// The profile in the words of a container runtime's configuration.
pub fn runtime_default(capabilities: &[String]) -> Value {
    let profile: Value = serde_json::from_str(PROFILE).expect("JSON");
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    let rules: Vec<Value> = rules
        .filter(|rule| applies(rule, capabilities))
        .map(|rule| {
            let kept = ["names", "action", "args", "errnoRet"];
            let entries = kept.iter().filter(|key| !rule[**key].is_null());
            entries
                .map(|key| ((*key).to_owned(), rule[*key].clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .collect();
    json!({
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": rules,
    })
}

/// All of `includes` and none of `excludes`; the kernels that a rule names are older than ours.
fn applies(rule: &Value, capabilities: &[String]) -> bool {
    let listed = |condition: &Value, name: &str| condition.as_str().is_some_and(|own| own == name);
    let held = |condition: &Value| capabilities.iter().any(|name| listed(condition, name));
    let ours = |condition: &Value| listed(condition, ARCHITECTURE);
    let list = |part: &str, of: &str| rule[part][of].as_array().cloned().unwrap_or_default();
    let architectures = list("includes", "arches");
    list("includes", "caps").iter().all(held)
        && (architectures.is_empty() || architectures.iter().any(ours))
        && !list("excludes", "caps").iter().any(held)
        && !list("excludes", "arches").iter().any(ours)
}
