//! A Prometheus server that ends with the test, and questions to it.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::free_port;

/// A running server.
pub struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

/// Labels and value of one result of a query.
#[derive(Debug)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Prometheus {
    /// Starts one with this configuration, in YAML.
    pub fn start(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, configuration).expect("written");
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

    /// The results of an instant query.
    pub fn query(&self, query: &str) -> Result<Vec<Sample>, String> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let mut response = ureq::get(&url)
            .query("query", query)
            .call()
            .map_err(|error| error.to_string())?;
        let body = response
            .body_mut()
            .read_to_string()
            .map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        let results = answer["data"]["result"].as_array().ok_or("no result")?;
        Ok(results.iter().map(Sample::of).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sample {
    fn of(result: &Value) -> Self {
        let labels = result["metric"].as_object().expect("labels").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let value = result["value"][1].as_str();
        Self {
            labels: labels
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            value: value.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
        }
    }
}
