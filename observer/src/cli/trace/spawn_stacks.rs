//! `--spawn-stacks`: collects until the trace ends, then prints live tasks by the stack that
//! spawned them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::stream::{Ending, Reason, Summary, pause_after, rest};
use super::{Format, LOOK_EVERY};
use crate::cli::output;
use crate::trace::{Batch, Function, Session, SpawnStacks, StackGroup, Symbols};

/// What is known so far.
struct Collection {
    stacks: SpawnStacks,
    symbols: Symbols,
    records: u64,
    copies: u64,
    uncopied: u64,
    lost: u64,
}

/// Collects until the trace ends, and prints.
pub(super) async fn collect(
    mut session: Session,
    mut ending: Ending,
    format: Format,
) -> anyhow::Result<Summary> {
    let mut collection = Collection {
        stacks: SpawnStacks::default(),
        symbols: Symbols::new(session.process().id.pid),
        records: 0,
        copies: 0,
        uncopied: 0,
        lost: 0,
    };
    let (mut reason, mut pause) = (None, LOOK_EVERY);
    while reason.is_none() {
        reason = ending.wait(&mut session, pause).await?;
        let batch = session.look()?;
        pause = pause_after(&batch);
        collection.take(batch);
    }
    rest(&mut session, |batch| {
        collection.take(batch);
        Ok(())
    })?;
    output::print(&collection.printed(format)?)?;
    Ok(Summary {
        reason: reason.unwrap_or(Reason::Asked),
        events: collection.records,
        copies: collection.copies,
        uncopied: collection.uncopied,
        lost: collection.lost + collection.stacks.left_out(),
    })
}

impl Collection {
    /// Names a new stack at once: the process may be gone at the end.
    fn take(&mut self, batch: Batch) {
        self.lost += batch.lost;
        self.copies += batch.copies;
        self.uncopied += batch.uncopied;
        for (site, life) in &batch.lives {
            self.records += 1;
            if let Some(group) = self.stacks.take(site, life) {
                self.symbols.stack(&group.stack.frames);
            }
        }
    }

    fn printed(&mut self, format: Format) -> anyhow::Result<String> {
        let groups = self.stacks.groups().into_iter();
        let live = groups.filter(|group| group.live > 0);
        let named: Vec<_> = live
            .map(|group| (group, self.symbols.stack(&group.stack.frames)))
            .collect();
        match format {
            Format::Json => {
                let groups: Vec<Value> =
                    named.iter().map(|(group, at)| object(group, at)).collect();
                output::json(&groups)
            }
            Format::Text | Format::Chrome => Ok(named
                .iter()
                .map(|(group, at)| paragraph(group, at))
                .collect()),
        }
    }
}

fn object(group: &StackGroup, stack: &[Vec<Function>]) -> Value {
    let frames = group.stack.frames.iter().zip(stack).map(|(address, functions)| {
        json!({ "address": format!("{address:#x}"), "functions": functions })
    });
    json!({
        "site": &*group.site,
        "live": group.live,
        "spawned": group.spawned,
        "frames": frames.collect::<Vec<_>>(),
        "is_cut": group.stack.is_cut,
    })
}

/// ```text
/// 12 live of 15 spawned at shop/src/main.rs:7:5
///     shop::helper::start  shop/src/helper.rs:33
///     shop::serve          shop/src/main.rs:80
/// ```
fn paragraph(group: &StackGroup, stack: &[Vec<Function>]) -> String {
    let (live, spawned, site) = (group.live, group.spawned, &group.site);
    let mut text = format!("{live} live of {spawned} spawned at {site}\n");
    let shown = stack.iter().flatten().filter(|function| !function.hidden);
    for function in shown {
        let place = function.place.as_deref().unwrap_or_default();
        let line = format!("    {}  {place}", function.name);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if group.stack.is_cut {
        text.push_str("    … (the stack is deeper than what is read)\n");
    }
    if stack.is_empty() {
        text.push_str("    (the stack was not copied: see the last line)\n");
    }
    text.push('\n');
    text
}
