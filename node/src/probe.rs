//! Asking whether somebody is at an address.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, identity::Keypair};
use peerage_protocol::{
    engine::{ConnectFailure, Input, Output},
    net::{kad, translate::Network},
};
use peerage_records::{
    id::{GroupId, IdentityKey, ReplicaId},
    time::Timestamp,
};

/// An answer that takes longer is none.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a connection with whoever is at the address, as a stranger with a key of its own, and drops it; an address that ends
/// in a peer id is answered by that peer alone.
///
/// # Errors
/// Says why there was no answer.
pub(crate) async fn dial(address: Multiaddr, timeout: Duration) -> Result<Duration, String> {
    let mut network = Network::new(
        Keypair::generate_ed25519(),
        kad::Clock::new(Timestamp::from_secs(0)),
    );
    // A dial is told to some group; this one belongs to none.
    let nobody = ReplicaId::of(
        &IdentityKey::from_bytes([0; 32]),
        &GroupId::from_bytes([0; 32]),
    );
    let began = Instant::now();
    let _ = network.carry_out(Output::DialAddress {
        command: 0,
        replica: nobody,
        address,
    });
    let answer = async {
        loop {
            if let Input::AddressDialled { result, .. } = network.next().await {
                return result;
            }
        }
    };
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(_)) => Ok(began.elapsed()),
        Ok(Err(ConnectFailure::OtherPeer)) => Err("another peer answers there".to_owned()),
        Ok(Err(_)) => Err("nobody answers there".to_owned()),
        Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
    }
}
