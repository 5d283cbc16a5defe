//! `peerage status` and `peerage down`.

use serde::Serialize;

use super::{
    client::Client,
    failure::Failure,
    group::group_table,
    output::{Output, fields},
};
use crate::model::NodeStatus;

pub(super) async fn status(client: &Client, output: Output) -> Result<(), Failure> {
    let status: NodeStatus = client.get("/v1/status").await?;
    output.show(&status, |status| {
        let head = fields(&[
            ("version", status.version.clone()),
            ("peer id", status.peer_id.clone()),
            ("listening", listening(&status.listen)),
            ("running", running(status.uptime_seconds)),
            ("identities", status.identities.to_string()),
            ("data", status.data_dir.clone()),
        ]);
        format!("{head}\n\n{}", group_table(&status.groups))
    })
}

pub(super) async fn down(client: &Client, output: Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Stopping {
        stopping: bool,
    }
    client.tell("/v1/shutdown").await?;
    output.show(&Stopping { stopping: true }, |_| {
        "the node is stopping".to_owned()
    })
}

pub(super) fn listening(addresses: &[String]) -> String {
    if addresses.is_empty() {
        "nowhere".to_owned()
    } else {
        addresses.join("\n")
    }
}

fn running(seconds: u64) -> String {
    match seconds {
        0..60 => format!("for {seconds} s"),
        60..3_600 => format!("for {} min", seconds / 60),
        3_600..86_400 => format!("for {} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("for {} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
