//! Files from and to the daemon, of which only a piece is in memory at a time.

use std::{
    io::{self, Write},
    path::Path,
};

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Method, Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    header,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::AsyncReadExt;

use super::{Client, broken, collect, internal, request_of};
use crate::{Error, api::FILE_BYTES_HEADER, cli::failure::Failure};

/// Bytes read from a file at once.
const PIECE_BYTES: usize = 256 * 1024;

impl Client {
    /// Has the daemon make a file and hands out its pieces; `total` is about how many bytes there will be.
    pub(crate) async fn download(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        output: &mut impl Write,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<(), Failure> {
        let request = request_of(method, path, body)?;
        let response = self.success(request).await?;
        let total = response
            .headers()
            .get(FILE_BYTES_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut content = response.into_body();
        let mut bytes = 0;
        while let Some(frame) = content.frame().await {
            let Ok(piece) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            output
                .write_all(&piece)
                .map_err(|error| Error::io("the file", error))?;
            bytes += piece.len() as u64;
            progress(bytes, total);
        }
        Ok(())
    }

    /// Sends a file to the daemon.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        file: &Path,
    ) -> Result<T, Failure> {
        let opened = tokio::fs::File::open(file)
            .await
            .map_err(|error| Error::io(file, error))?;
        let pieces = stream::try_unfold(opened, |mut opened| async move {
            let mut piece = vec![0; PIECE_BYTES];
            let read = opened.read(&mut piece).await?;
            piece.truncate(read);
            Ok::<_, io::Error>((read > 0).then(|| (Frame::data(Bytes::from(piece)), opened)))
        });
        let request = Request::put(path)
            .header(header::HOST, "peerage")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(StreamBody::new(Box::pin(pieces)))
            .map_err(internal)?;
        let response = self.success(request).await?;
        serde_json::from_slice(&collect(response).await?).map_err(internal)
    }

    async fn success<B>(&self, request: Request<B>) -> Result<Response<Incoming>, Failure>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let response = self.send(request).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.refusal(response).await),
        }
    }
}
