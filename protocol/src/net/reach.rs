//! From how far away an address can be used.

use std::net::{Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, multiaddr::Protocol};

/// How far an address reaches. Later is farther.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// This machine.
    Loopback,
    /// This network link.
    Link,
    /// This site: private addresses.
    Site,
    /// Everywhere; names too, which somebody has chosen to publish.
    Global,
}

impl Reach {
    /// The reach of a QUIC address; `None` for what is none.
    pub(super) fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let reach = match parts.next()? {
            Protocol::Ip4(ip) => Self::of_ip4(ip)?,
            Protocol::Ip6(ip) => Self::of_ip6(ip)?,
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => Self::Global,
            _ => return None,
        };
        matches!(
            (parts.next(), parts.next()),
            (Some(Protocol::Udp(port)), Some(Protocol::QuicV1)) if port != 0
        )
        .then_some(reach)
    }

    fn of_ip4(ip: Ipv4Addr) -> Option<Self> {
        if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_link_local() {
            Some(Self::Link)
        } else if ip.is_private() {
            Some(Self::Site)
        } else {
            Some(Self::Global)
        }
    }

    fn of_ip6(ip: Ipv6Addr) -> Option<Self> {
        if let Some(ip) = ip.to_ipv4_mapped() {
            return Self::of_ip4(ip);
        }
        if ip.is_unspecified() || ip.is_multicast() {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_unicast_link_local() {
            Some(Self::Link)
        } else if ip.is_unique_local() {
            Some(Self::Site)
        } else {
            Some(Self::Global)
        }
    }
}

/// The addresses a peer may be believed to have that is seen from `seen` far away: a stranger from
/// elsewhere does not make us dial this machine or our site.
pub(super) fn believable(
    addresses: impl IntoIterator<Item = Multiaddr>,
    seen: Reach,
) -> impl Iterator<Item = Multiaddr> {
    addresses
        .into_iter()
        .filter(move |address| Reach::of(address).is_some_and(|reach| reach >= seen))
}

/// The addresses worth telling others, the farthest reaching first; loopback only when there is
/// nothing else.
pub(super) fn worth_telling(addresses: impl IntoIterator<Item = Multiaddr>) -> Vec<Multiaddr> {
    let mut known: Vec<(Reach, Multiaddr)> = Vec::new();
    for address in addresses {
        if let Some(reach) = Reach::of(&address)
            && known.iter().all(|(_, other)| *other != address)
        {
            known.push((reach, address));
        }
    }
    if known.iter().any(|(reach, _)| *reach > Reach::Loopback) {
        known.retain(|(reach, _)| *reach > Reach::Loopback);
    }
    known.sort_by_key(|(reach, _)| std::cmp::Reverse(*reach));
    known.into_iter().map(|(_, address)| address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_quic_addresses_of_single_hosts_have_a_reach() {
        for (text, reach) in [
            ("/ip4/127.0.0.1/udp/1/quic-v1", Some(Reach::Loopback)),
            ("/ip4/169.254.0.1/udp/1/quic-v1", Some(Reach::Link)),
            ("/ip4/192.168.0.1/udp/1/quic-v1", Some(Reach::Site)),
            ("/ip6/fd00::1/udp/1/quic-v1", Some(Reach::Site)),
            ("/ip6/2001:db8::1/udp/1/quic-v1", Some(Reach::Global)),
            ("/dns4/example.org/udp/1/quic-v1", Some(Reach::Global)),
            ("/ip6/::ffff:127.0.0.1/udp/1/quic-v1", Some(Reach::Loopback)),
            ("/ip4/0.0.0.0/udp/1/quic-v1", None),
            ("/ip4/224.0.0.1/udp/1/quic-v1", None),
            ("/ip4/127.0.0.1/udp/0/quic-v1", None),
            ("/ip4/127.0.0.1/tcp/1", None),
            ("/ip4/127.0.0.1", None),
        ] {
            assert_eq!(Reach::of(&address(text)), reach, "{text}");
        }
    }

    #[test]
    fn a_stranger_from_afar_is_not_believed_to_be_near() {
        let claimed = [
            address("/ip4/127.0.0.1/udp/1/quic-v1"),
            address("/ip4/10.0.0.1/udp/1/quic-v1"),
            address("/ip4/203.0.113.1/udp/1/quic-v1"),
        ];
        let count = |seen| believable(claimed.clone(), seen).count();

        assert_eq!(count(Reach::Global), 1);
        assert_eq!(count(Reach::Site), 2);
        assert_eq!(count(Reach::Loopback), 3);
    }

    #[test]
    fn what_reaches_farthest_is_told_first_and_loopback_last_of_all() {
        let near = address("/ip4/127.0.0.1/udp/1/quic-v1");
        let site = address("/ip4/10.0.0.1/udp/1/quic-v1");
        let far = address("/ip4/203.0.113.1/udp/1/quic-v1");

        assert_eq!(worth_telling([near.clone()]), std::slice::from_ref(&near));
        assert_eq!(
            worth_telling([near, site.clone(), far.clone(), site.clone()]),
            [far, site]
        );
    }
}
