//! Is the port ours, or somebody else's?

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use libp2p::{Multiaddr, multiaddr::Protocol};

use crate::{
    ErrorKind,
    model::{Check, Finding},
};

/// Tries to take the port of every address, and lets go of it at once. For a node that does not run.
#[must_use]
pub fn check_free(listen: &[Multiaddr]) -> Vec<Finding> {
    let mut found: Vec<Finding> = listen.iter().filter_map(try_to_bind).collect();
    if found.is_empty() {
        let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
        let detail = match listen.is_empty() {
            true => "this node is to listen nowhere".to_owned(),
            false => format!("free: {}", listen.join(", ")),
        };
        found.push(Finding::ok(Check::Port, detail));
    }
    found
}

/// Whether the running node listens where it was told to.
#[must_use]
pub fn check_listening(wanted: &[Multiaddr], listeners: &[Multiaddr]) -> Finding {
    if listeners.is_empty() && !wanted.is_empty() {
        let detail = "the node listens nowhere any more: nobody can reach it";
        let next = "start it again: peerage down; peerage up";
        return Finding::problem(Check::Port, ErrorKind::Unavailable, detail, next);
    }
    let listeners: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    Finding::ok(
        Check::Port,
        format!("listening on {}", listeners.join(", ")),
    )
}

fn try_to_bind(address: &Multiaddr) -> Option<Finding> {
    let place = socket_address(address)?;
    let error = UdpSocket::bind(place).err()?;
    let (port, kind) = (place.port(), ErrorKind::Unavailable);
    let finding = match error.kind() {
        io::ErrorKind::AddrInUse => Finding::problem(
            Check::Port,
            kind,
            format!("{address}: UDP port {port} is taken by another program"),
            format!(
                "see by whom: ss -lunp 'sport = :{port}'; or take another: peerage up --listen /ip4/0.0.0.0/udp/0/quic-v1"
            ),
        ),
        io::ErrorKind::AddrNotAvailable => Finding::problem(
            Check::Port,
            kind,
            format!("{address}: this machine does not have the address"),
            "list its addresses: ip address; then choose one: peerage up --listen ADDRESS",
        ),
        _ => Finding::problem(
            Check::Port,
            kind,
            format!("{address}: {error}"),
            "choose another: peerage up --listen /ip4/0.0.0.0/udp/0/quic-v1",
        ),
    };
    // A machine without IPv6 listens on what it has.
    let no_such_family =
        error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    (!no_such_family).then_some(finding)
}

fn socket_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Udp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}
