//! Bodies that no handler has read to their end.
//!
//! A connection that is closed on bytes nobody has read is reset, and the answer may be lost with it. So a
//! body is only lent to whoever handles the request, and what is left of it can be read off afterwards.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use hyper::body::{Frame, SizeHint};

/// What is left of a body that was lent.
#[derive(Debug)]
pub(super) struct Unread(Arc<Mutex<Body>>);

/// The body as its reader sees it.
struct Lent(Arc<Mutex<Body>>);

/// Lends the body of a request to whoever handles it.
pub(super) fn lend(request: Request) -> (Request, Unread) {
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    let lent = Body::new(Lent(Arc::clone(&body)));
    (Request::from_parts(parts, lent), Unread(body))
}

impl Unread {
    /// The rest. Whoever still reads finds nothing more.
    pub(super) fn take(self) -> Body {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *lock(&self.0)).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).size_hint()
    }
}

/// A panic elsewhere leaves the body as it was.
fn lock(body: &Mutex<Body>) -> MutexGuard<'_, Body> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}
