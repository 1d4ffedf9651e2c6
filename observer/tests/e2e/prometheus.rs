//! What Prometheus makes of the output.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{Observer, Prometheus, Target, eventually, shows_live};

#[test]
fn promtool_accepts_the_output() {
    let mut target = Target::start(&["--stall-period-ms", "200"]);
    target.command("spawn 10 1000");
    for mode in ["ledger", "events"] {
        let observer = Observer::start(&["--mode", mode]);
        shows_live(&observer, &mut target);
        target.command("churn 1000");
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool starts");
        let text = observer.scrape().text;
        promtool
            .stdin
            .take()
            .expect("piped")
            .write_all(text.as_bytes())
            .expect("takes it");
        let output = promtool.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn prometheus_answers_which_site_leaks() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    target.command("recurse 5000 1000");
    let site = target.site_with(5000.0);
    let observer = Observer::start(&[]);
    let address = observer.address();
    let prometheus = Prometheus::start(&format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: parkwatch\n  \
         honor_labels: true\n  static_configs: [{{targets: ['{address}']}}]\n"
    ));
    let query = format!("topk(1, parkwatch_tasks_live{{pid=\"{}\"}})", target.pid());
    eventually("Prometheus names the leaking site", || {
        match prometheus.query(&query)? {
            results
                if results.len() == 1
                    && results[0].labels["site"] == site
                    && results[0].value >= 5000.0 =>
            {
                Ok(())
            }
            results => Err(format!("{results:?}")),
        }
    });
}
