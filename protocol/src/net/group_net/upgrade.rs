//! How a sub-stream of the mux protocol begins.
//!
//! ```text
//! opener    kind (1) | handle (32) | epoch (4, big-endian)
//! acceptor  0x01 and then the kind's own bytes, or 0x00 and the end of the stream
//! ```
//!
//! A kind nobody knows, a handle nobody gave out, one whose link is not open yet, and a connection
//! that is too busy are all answered with the same `0x00`.

use std::{
    fmt,
    future::Future,
    io, iter,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    swarm::{
        Stream,
        handler::{OutboundUpgradeSend, UpgradeInfoSend},
    },
};

use super::{
    LinkHandle,
    gate::Epoch,
    gossip::{InnerOutbound, InnerOutboundStream},
};

/// The one protocol name of all groups and all kinds of sub-stream: it tells a stranger nothing.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerage/group-mux/2");

/// The acceptor takes the stream.
pub(super) const ACCEPTED: u8 = 1;

/// The acceptor does not take the stream, for whatever reason.
const REFUSED: u8 = 0;

const HEADER_BYTES: usize = 1 + 32 + 4;

/// What a sub-stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Exchange,
    Gossip,
    Channel,
    Direct,
}

impl Kind {
    fn to_byte(self) -> u8 {
        match self {
            Self::Exchange => 1,
            Self::Gossip => 2,
            Self::Channel => 3,
            Self::Direct => 4,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Exchange),
            2 => Some(Self::Gossip),
            3 => Some(Self::Channel),
            4 => Some(Self::Direct),
            _ => None,
        }
    }
}

/// The first bytes of a sub-stream.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// `None` for one this version does not know.
    pub(super) kind: Option<Kind>,
    /// Zero for an exchange.
    pub(super) handle: LinkHandle,
    /// Zero except for gossip.
    pub(super) epoch: Epoch,
}

impl Header {
    fn encode(kind: Kind, handle: &LinkHandle, epoch: Epoch) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = kind.to_byte();
        bytes[1..33].copy_from_slice(&handle.0);
        bytes[33..].copy_from_slice(&epoch.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        let (mut handle, mut epoch) = ([0; 32], [0; 4]);
        handle.copy_from_slice(&bytes[1..33]);
        epoch.copy_from_slice(&bytes[33..]);
        Self {
            kind: Kind::from_byte(bytes[0]),
            handle: LinkHandle(handle),
            epoch: Epoch::from_be_bytes(epoch),
        }
    }
}

/// One of the bounded number of inbound sub-streams that are between their first byte and their
/// answer; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permit {
    fn take(counter: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let taken = Self(counter.clone());
        (counter.fetch_add(1, Ordering::Relaxed) < limit).then_some(taken)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads the header of an inbound sub-stream; the handler gives the answer.
#[derive(Clone, Debug)]
pub struct Inbound {
    pub(super) negotiating: Arc<AtomicUsize>,
    pub(super) limit: usize,
}

/// An inbound sub-stream that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    pub(super) header: Header,
    pub(super) stream: Stream,
    pub(super) permit: Permit,
}

impl UpgradeInfo for Inbound {
    type Info = StreamProtocol;
    type InfoIter = iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once(PROTOCOL)
    }
}

impl InboundUpgrade<Stream> for Inbound {
    type Output = Asked;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Asked>> + Send>>;

    fn upgrade_inbound(self, mut stream: Stream, _: Self::Info) -> Self::Future {
        let permit = Permit::take(&self.negotiating, self.limit);
        Box::pin(async move {
            let Some(permit) = permit else {
                refuse(stream).await?;
                return Err(io::ErrorKind::ResourceBusy.into());
            };
            let mut bytes = [0; HEADER_BYTES];
            if let Err(error) = stream.read_exact(&mut bytes).await {
                refuse(stream).await?;
                return Err(error);
            }
            Ok(Asked {
                header: Header::decode(&bytes),
                stream,
                permit,
            })
        })
    }
}

/// Says no, always in the same way.
pub(super) async fn refuse(mut stream: Stream) -> io::Result<()> {
    stream.write_all(&[REFUSED]).await?;
    stream.close().await
}

/// Says yes.
pub(super) async fn accept(stream: &mut Stream) -> io::Result<()> {
    stream.write_all(&[ACCEPTED]).await?;
    stream.flush().await
}

/// Opens a sub-stream.
pub enum Outbound {
    /// The answer is read with the frames, so that the first of them need not wait for it.
    Exchange,
    Channel(LinkHandle),
    Gossip(LinkHandle, Epoch, InnerOutbound),
    /// The handle is that of the direct connection.
    Direct(LinkHandle),
}

/// A sub-stream the other side has accepted.
pub enum Opened {
    /// Not accepted yet.
    Exchange(Stream),
    Channel(Stream),
    Gossip(InnerOutboundStream),
    Direct(Stream),
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exchange => "Exchange",
            Self::Channel(_) => "Channel",
            Self::Gossip(..) => "Gossip",
            Self::Direct(_) => "Direct",
        })
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exchange(_) => "Exchange",
            Self::Channel(_) => "Channel",
            Self::Gossip(_) => "Gossip",
            Self::Direct(_) => "Direct",
        })
    }
}

impl UpgradeInfo for Outbound {
    type Info = StreamProtocol;
    type InfoIter = iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once(PROTOCOL)
    }
}

impl OutboundUpgrade<Stream> for Outbound {
    type Output = Opened;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Opened>> + Send>>;

    fn upgrade_outbound(self, mut stream: Stream, _: Self::Info) -> Self::Future {
        Box::pin(async move {
            match self {
                Self::Exchange => {
                    let header = Header::encode(Kind::Exchange, &LinkHandle([0; 32]), 0);
                    stream.write_all(&header).await?;
                    stream.flush().await?;
                    Ok(Opened::Exchange(stream))
                }
                Self::Channel(handle) => {
                    ask(&mut stream, Header::encode(Kind::Channel, &handle, 0)).await?;
                    Ok(Opened::Channel(stream))
                }
                Self::Direct(handle) => {
                    ask(&mut stream, Header::encode(Kind::Direct, &handle, 0)).await?;
                    Ok(Opened::Direct(stream))
                }
                Self::Gossip(handle, epoch, inner) => {
                    ask(&mut stream, Header::encode(Kind::Gossip, &handle, epoch)).await?;
                    // The stock protocol id is never on the wire: the newest one is taken for granted.
                    let info = UpgradeInfoSend::protocol_info(&inner)
                        .next()
                        .ok_or(io::ErrorKind::Unsupported)?;
                    match OutboundUpgradeSend::upgrade_outbound(inner, stream, info).await {
                        Ok(opened) => Ok(Opened::Gossip(opened)),
                        Err(never) => match never {},
                    }
                }
            }
        })
    }
}

async fn ask(stream: &mut Stream, header: [u8; HEADER_BYTES]) -> io::Result<()> {
    stream.write_all(&header).await?;
    stream.flush().await?;
    let mut answer = [REFUSED];
    stream.read_exact(&mut answer).await?;
    if answer == [ACCEPTED] {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_wire() {
        for kind in [Kind::Exchange, Kind::Gossip, Kind::Channel, Kind::Direct] {
            let header = Header::decode(&Header::encode(kind, &LinkHandle([9; 32]), 0x0102_0304));

            assert_eq!(header.kind, Some(kind));
            assert_eq!(header.handle, LinkHandle([9; 32]));
            assert_eq!(header.epoch, 0x0102_0304);
        }
    }

    #[test]
    fn the_header_has_the_documented_layout() {
        let bytes = Header::encode(Kind::Gossip, &LinkHandle([0xab; 32]), 7);

        let mut expected = vec![2];
        expected.extend_from_slice(&[0xab; 32]);
        expected.extend_from_slice(&[0, 0, 0, 7]);
        assert_eq!(bytes.as_slice(), expected);
    }

    #[test]
    fn unknown_kinds_are_recognised_as_such() {
        assert!(
            (0..=u8::MAX)
                .filter(|b| Kind::from_byte(*b).is_none())
                .count()
                == 252
        );
    }
}
