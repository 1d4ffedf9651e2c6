//! A process in a pod's control group carries the pod's labels.

use crate::harness::{Observer, Place, PodProcess, Target, eventually, require};

const PLACE: Place = Place {
    uid: "15513b48-e7a5-48fc-b9e3-92f713f36504",
    container_id: "a51a9f7d073f848e7fc59e56e8f11524f330a2175a4ed26327da2dfe0d28015f",
    container: "app",
};

#[test]
fn series_carry_pod_and_container_as_the_node_knows_them() {
    let Some(inside) = PodProcess::start(&PLACE, &require("PARKWATCH_TARGET"), &[]) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let outside = Target::start(&[]);
    let observer = Observer::start(&[]);
    eventually("the labels of the pod", || {
        let scrape = observer.scrape();
        let pid = inside.pid().to_string();
        let (pod, container) = (("pod", PLACE.uid), ("container", PLACE.container));
        let labels = [("pid", pid.as_str()), pod, container];
        let id = ("container_id", PLACE.container_id);
        let live = scrape.sum("parkwatch_process_tasks_live", &labels);
        let info = scrape.sum("parkwatch_process_info", &[labels[0], labels[1], id]);
        match (live, info) {
            (Some(_), Some(1.0)) => Ok(()),
            _ => Err(format!("{live:?} {info:?}")),
        }
    });
    eventually("the other process", || {
        let shown = observer.scrape().names_process(outside.pid());
        shown.then_some(()).ok_or_else(|| "not yet".to_owned())
    });
    let pods = observer
        .scrape()
        .by_label("parkwatch_process_tasks_live", outside.pid(), "pod");
    assert!(pods.is_empty(), "{pods:?}");
}
