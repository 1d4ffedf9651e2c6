//! What Prometheus makes of the output.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::harness::{Observer, Target, eventually, shows_live};

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

/// A Prometheus server that ends with the test.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(address: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: parkwatch\n  \
             honor_labels: true\n  static_configs: [{{targets: ['{address}']}}]\n"
        );
        std::fs::write(&config, text).expect("written");
        let port = free_port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    /// Label `site` and value of each result of an instant query.
    fn query(&self, query: &str) -> Result<Vec<(String, f64)>, String> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let mut response = ureq::get(&url)
            .query("query", query)
            .call()
            .map_err(|error| error.to_string())?;
        let body = response
            .body_mut()
            .read_to_string()
            .map_err(|error| error.to_string())?;
        let answer: serde_json::Value =
            serde_json::from_str(&body).map_err(|error| error.to_string())?;
        let results = answer["data"]["result"].as_array().ok_or("no result")?;
        Ok(results
            .iter()
            .map(|result| {
                let site = result["metric"]["site"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                let value = result["value"][1]
                    .as_str()
                    .and_then(|text| text.parse().ok());
                (site, value.unwrap_or(f64::NAN))
            })
            .collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn prometheus_answers_which_site_leaks() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    target.command("recurse 5000 1000");
    let site = target.site_with(5000.0);
    let observer = Observer::start(&[]);
    let prometheus = Prometheus::scraping(observer.address());
    let query = format!("topk(1, parkwatch_tasks_live{{pid=\"{}\"}})", target.pid());
    eventually("Prometheus names the leaking site", || {
        match prometheus.query(&query)? {
            results if results.len() == 1 && results[0].0 == site && results[0].1 >= 5000.0 => {
                Ok(())
            }
            results => Err(format!("{results:?}")),
        }
    });
}
