//! Questions about direct connections as libp2p request-response: a message each way, or no answer.

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{self, Codec, ProtocolSupport},
};

use crate::wire::direct::MAX_DIRECT_FRAME_BYTES;

/// The one name of the protocol; says nothing about groups.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerage/direct/1");
/// A question that is not answered by then is lost.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Questions under way per connection, 20 KiB each; an honest peer asks about the connections its
/// applications open just now.
const MAX_CONCURRENT: usize = 16;

/// Questions over request-response.
pub type Behaviour = request_response::Behaviour<DirectCodec>;

/// The behaviour with our limits.
#[must_use]
pub fn behaviour() -> Behaviour {
    let config = request_response::Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(MAX_CONCURRENT);
    Behaviour::with_codec(DirectCodec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

/// Raw bytes both ways.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectCodec;

impl Codec for DirectCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
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
        io: &mut T,
        response: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&response).await
    }
}

/// Nothing is no message: a question that was refused in silence ends like this.
async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_DIRECT_FRAME_BYTES as u64 + 1;
    io.take(limit).read_to_end(&mut bytes).await?;
    match bytes.len() {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        n if n > MAX_DIRECT_FRAME_BYTES => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "message is too long",
        )),
        _ => Ok(bytes),
    }
}
