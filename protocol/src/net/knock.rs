//! Knocks as libp2p request-response: a small request, answered by nothing.
//!
//! The answer is the same, and comes as fast, whether or not the knock meant anything here.

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{self, Codec, ProtocolSupport},
};

use crate::wire::admission::MAX_KNOCK_BYTES;

/// The one name of the protocol; says nothing about groups.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerage/knock/1");
/// A knock that is not answered by then is lost.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Knocks under way per connection; an honest peer has one per group we share.
const MAX_CONCURRENT: usize = 32;

/// Knocks over request-response.
pub type Behaviour = request_response::Behaviour<KnockCodec>;

/// The behaviour with our limits.
#[must_use]
pub fn behaviour() -> Behaviour {
    let config = request_response::Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(MAX_CONCURRENT);
    Behaviour::with_codec(KnockCodec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

/// Raw bytes one way, nothing the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnockCodec;

impl Codec for KnockCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        let limit = MAX_KNOCK_BYTES as u64 + 1;
        io.take(limit).read_to_end(&mut bytes).await?;
        if bytes.len() > MAX_KNOCK_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "knock is too long",
            ));
        }
        Ok(bytes)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _response: (),
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(())
    }
}
