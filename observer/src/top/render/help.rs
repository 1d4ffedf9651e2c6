//! What the keys and the columns mean.

use ratatui::text::Line;

use super::texts::scrolled;
use crate::top::Look;

const HELP: &str = " Keys
   Up Down PgUp PgDn Home End   move; also j k g G
   Enter, Right                 a process's sites; a finding's evidence
   Esc, Left                    back; clears the filter of a filtered list first
   f                            findings: of all processes, or the one shown
   d                            stacks of the process's parked tasks
   s, r                         sort by the next column; reverse
   /                            filter by a part of a name, pid or site
   p, Space                     pause: nothing new is shown
   q, Ctrl-C                    quit

 Columns
   LIVE       tasks that have not ended; at the right, their number over time
   SPAWN/S    tasks spawned a second, over five seconds; EXIT/S: tasks ended
   READY      tasks in run queues
   STUCK      tasks that someone blocks for longer than --stuck-after (30 s)
   WAIT FOR   why most of the site's stalled tasks are parked; a task stalls
              after the runtime's stall period (10 s by default)
   FINDINGS   the worst and the number: p0 and p1 are critical, p2 warns
   lost       events that the observer could not take: see /metrics";

pub(super) fn lines(look: Look, first: usize, height: usize) -> Vec<Line<'static>> {
    let lines = HELP.lines().map(|line| {
        let is_title = line.starts_with(' ') && !line.starts_with("  ");
        if is_title {
            Line::styled(line, look.header())
        } else {
            Line::raw(line)
        }
    });
    scrolled(lines.collect(), first, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_on_the_smallest_screen() {
        assert!(HELP.lines().count() <= 21);
        assert!(HELP.lines().all(|line| line.chars().count() <= 80));
    }
}
