//! What is sent over a stream, whosever it is.

use std::time::Instant;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Outcome, Parameters};
use crate::Result;

/// Round trips that do not count: until then the connection has not settled.
pub(super) const WARM_UP: usize = 100;
/// What the receiver of everything says.
const RECEIVED: u8 = 1;

/// A stream both ways.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Duplex for T {}

impl Parameters {
    pub(super) fn block_bytes(&self) -> usize {
        self.block * 1_024
    }

    pub(super) fn total_bytes(&self) -> usize {
        self.mebibytes << 20
    }
}

/// Measures over two streams between one pair of ends, given as (near, far) each.
pub(super) async fn measure<S: Duplex>(
    parameters: &Parameters,
    bulk: (S, S),
    trips: (S, S),
) -> Result<Outcome> {
    Ok(Outcome {
        round_trips: round_trips(parameters, trips).await?,
        bulk: self::bulk(parameters, bulk).await?,
    })
}

async fn bulk<S: Duplex>(parameters: &Parameters, (mut near, mut far): (S, S)) -> Result<f64> {
    let total = parameters.total_bytes();
    let room = parameters.block_bytes();
    let receiver = tokio::spawn(async move {
        let mut buffer = vec![0; room];
        let mut left = total;
        while left > 0 {
            match far.read(&mut buffer).await? {
                0 => return Err("the stream ended early".into()),
                n => left = left.checked_sub(n).ok_or("more came than was sent")?,
            }
        }
        far.write_all(&[RECEIVED]).await?;
        far.flush().await?;
        // Whoever drops its end first may take the last byte with it.
        let _ = far.read(&mut buffer).await;
        Result::<_>::Ok(())
    });
    let block = vec![0x5a; parameters.block_bytes()];
    let begun = Instant::now();
    let mut left = total;
    while left > 0 {
        let n = left.min(block.len());
        near.write_all(&block[..n]).await?;
        left -= n;
    }
    near.flush().await?;
    let mut answer = [0];
    near.read_exact(&mut answer).await?;
    let seconds = begun.elapsed().as_secs_f64();
    drop(near);
    receiver.await??;
    Ok(parameters.mebibytes as f64 / seconds)
}

async fn round_trips<S: Duplex>(
    parameters: &Parameters,
    (mut near, mut far): (S, S),
) -> Result<Vec<f64>> {
    let (bytes, rounds) = (parameters.bytes, WARM_UP + parameters.round_trips);
    let echo = tokio::spawn(async move {
        let mut buffer = vec![0; bytes];
        for _ in 0..rounds {
            far.read_exact(&mut buffer).await?;
            far.write_all(&buffer).await?;
            far.flush().await?;
        }
        let _ = far.read(&mut buffer).await;
        Result::<_>::Ok(())
    });
    let mut buffer = vec![0x5a; bytes];
    let mut trips = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        near.write_all(&buffer).await?;
        near.flush().await?;
        near.read_exact(&mut buffer).await?;
        trips.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    drop(near);
    echo.await??;
    Ok(trips.split_off(WARM_UP))
}
