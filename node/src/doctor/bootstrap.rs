//! Do the nodes answer through which the cloud is entered?

use std::time::Duration;

use futures::{StreamExt, stream};
use libp2p::Multiaddr;

use crate::{
    ErrorKind,
    model::{Check, Finding},
    probe::dial,
};

/// Addresses dialled at once; each costs a socket.
const MAX_DIALS: usize = 8;

/// Dials each of them as a stranger with a key of its own would.
pub async fn check(addresses: &[Multiaddr], timeout: Duration) -> Vec<Finding> {
    if addresses.is_empty() {
        let detail = "none is set; invitations and earlier neighbours are used";
        return vec![Finding::ok(Check::Bootstrap, detail)];
    }
    let dialled: Vec<(Multiaddr, Result<Duration, String>)> =
        stream::iter(addresses.iter().cloned())
            .map(async |address| {
                let result = dial(address.clone(), timeout).await;
                (address, result)
            })
            .buffered(MAX_DIALS)
            .collect()
            .await;
    let alive = dialled.iter().filter(|(_, result)| result.is_ok()).count();
    dialled
        .into_iter()
        .map(|(address, result)| match result {
            Ok(took) => Finding::ok(
                Check::Bootstrap,
                format!("{address} answers in {} ms", took.as_millis()),
            ),
            Err(reason) => unreachable_node(&address, &reason, alive > 0),
        })
        .collect()
}

fn unreachable_node(address: &Multiaddr, reason: &str, others: bool) -> Finding {
    let detail = format!("{address}: {reason}");
    let next = "check address and firewall, ask who runs it, or name another: peerage up --bootstrap ADDRESS";
    match others {
        true => Finding::warning(Check::Bootstrap, ErrorKind::Unavailable, detail, next),
        false => Finding::problem(Check::Bootstrap, ErrorKind::Unavailable, detail, next),
    }
}
