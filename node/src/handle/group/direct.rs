//! Direct connections: between this node and one other, for applications alone.

use std::sync::Arc;

use hyper::body::Bytes;
use peerage_protocol::{
    direct::{ConnectionId, DirectFailure, DirectMode},
    engine::{Place, check_addresses, split_peer},
    wire::direct::{MessageError, MessageType},
};
use peerage_records::id::ReplicaId;
use tokio_util::sync::CancellationToken;

use super::{GroupHandle, members::find};
use crate::{
    Error, Result,
    applications::{Counted, Registered},
    command::{Command, OpenDirect},
    direct::{
        DirectInterest, DirectListener, DirectTarget, MAX_MESSAGE_BYTES, Neighbour, Outcome, Pipe,
        SendFailure,
    },
    handle::{Inner, undivided},
    model::{ConnectionInfo, ConnectionKind},
};

impl GroupHandle {
    /// Begins to open a direct connection to a member, and returns its id at once. What comes of it is
    /// told to listeners and in the group's events, and awaited with
    /// [`direct_connected`](Self::direct_connected). Open connections are shared by all applications of
    /// this identity and group, and are there until somebody closes them.
    ///
    /// The other side decides: some application there has to [listen](Self::listen_direct).
    ///
    /// # Errors
    /// [`Error::ConnectSelf`], [`Error::MemberNotFound`] and [`Error::MemberAmbiguous`], and
    /// [`Error::DirectFailed`] when the group is offline or there are too many connections,
    /// [`Error::MembershipRevoked`] when we are not a member any more. Everything else is told later.
    pub async fn open_direct(&self, target: DirectTarget) -> Result<ConnectionId> {
        let member = target.member.clone();
        let wanted = self.wanted(target).await?;
        self.begin_direct(wanted, &member).await
    }

    /// The same for an application with a token: it is counted while it lasts, and closed when the token
    /// is good no longer.
    pub(crate) async fn open_direct_for(
        &self,
        target: DirectTarget,
        application: Arc<Registered>,
    ) -> Result<ConnectionId> {
        let handle = self.clone();
        undivided(async move {
            let member = target.member.clone();
            let wanted = handle.wanted(target).await?;
            let whose = (wanted.replica, wanted.member);
            let counted = application.usage.begin_direct(whose)?;
            let id = handle.begin_direct(wanted, &member).await?;
            let inner = Arc::clone(&handle.inner);
            let ended = application.ended.clone();
            tokio::spawn(count(inner, whose.0, id, counted, ended));
            Ok(id)
        })
        .await
    }

    /// Who and where it is that a connection is wanted to.
    async fn wanted(&self, target: DirectTarget) -> Result<OpenDirect> {
        let view = self.view().await?;
        view.check_member()?;
        let member = find(&view, &target.member)?;
        let local = self.inner.peer;
        let mut place = Place {
            peer: target.node,
            addresses: Vec::new(),
        };
        if let Some(address) = target.address {
            let network = self.inner.network().await?;
            let own = [network.listeners, network.addresses].concat();
            check_addresses(std::slice::from_ref(&address), &local, &own)?;
            let (peer, address) = split_peer(&address);
            if peer.is_some() && place.peer.is_some() && peer != place.peer {
                return Err(Error::invalid(
                    "address",
                    "ends with another node's peer id",
                ));
            }
            place.peer = place.peer.or(peer);
            place.addresses.push(address);
        }
        let somewhere = place.peer.is_some() || !place.addresses.is_empty();
        if place.peer == Some(local) || (!somewhere && member.subject() == view.gmc.subject()) {
            return Err(Error::ConnectSelf {
                address: target.member,
            });
        }
        Ok(OpenDirect {
            replica: self.replica,
            member: member.subject(),
            places: somewhere.then_some(place).into_iter().collect(),
            mode: target.mode,
        })
    }

    async fn begin_direct(&self, wanted: OpenDirect, member: &str) -> Result<ConnectionId> {
        let asked = |reply| Command::OpenDirect(wanted, reply);
        let opening = self.inner.command(asked).await?;
        opening.map_err(|reason| self.no_direct(member, reason))
    }

    /// Waits until a direct connection is open. Where an attempt gives way to another one, at another
    /// node of the member, that one is waited for. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Error::DirectFailed`] with the reason, [`Error::ConnectionNotFound`] when there is none with
    /// this id.
    pub async fn direct_connected(&self, id: ConnectionId) -> Result<ConnectionInfo> {
        self.check()?;
        let outcome = tokio::select! {
            outcome = self.inner.directs.outcome(self.replica, id) => outcome,
            () = self.life.over() => {
                self.check()?;
                return Err(self.over());
            }
        };
        match outcome {
            Some(Outcome::Connected(info)) => Ok(info),
            Some(Outcome::Failed(member, reason)) => Err(self.no_direct(&member, reason)),
            None => Err(Error::ConnectionNotFound { id }),
        }
    }

    /// Sends a message on a direct connection; the network has it when this returns, and nobody
    /// confirms that it arrived. Messages of one connection arrive in order. Waits while the other
    /// side does not read. When the future is dropped, the message is sent entirely or not at all.
    ///
    /// `id` may also be that of a neighbour, as [`connections`](Self::connections) lists them: the
    /// message then travels on a direct connection that is opened for that, and the other side has to
    /// listen as for any other.
    ///
    /// # Errors
    /// [`Error::ConnectionNotFound`] when the connection is not open, or ends meanwhile;
    /// [`Error::TooLarge`] and [`Error::InvalidInput`] when the message cannot be sent.
    pub async fn send_direct(
        &self,
        id: ConnectionId,
        kind: MessageType,
        data: impl Into<Bytes>,
    ) -> Result<()> {
        self.check()?;
        let (directs, data) = (&self.inner.directs, data.into());
        match directs.send(self.replica, id, kind, data.clone()).await {
            Err(SendFailure::NotFound) => {}
            sent => return sent.map_err(|failure| unsent(id, failure)),
        }
        let Some(neighbour) = directs.neighbour(self.replica, id) else {
            return Err(Error::ConnectionNotFound { id });
        };
        // To its end, so that the connection is kept for the next one, whoever hangs up.
        let handle = self.clone();
        let carrier = undivided(async move { handle.carrier(id, &neighbour).await }).await?;
        let sent = directs.send(self.replica, carrier, kind, data).await;
        sent.map_err(|failure| unsent(id, failure))
    }

    /// The connection that carries data to a neighbour. One sender opens it, the others wait for it.
    async fn carrier(&self, id: ConnectionId, neighbour: &Neighbour) -> Result<ConnectionId> {
        let mut carrier = neighbour.carrier.lock().await;
        if let Some(open) = *carrier
            && self.inner.directs.is_open(open)
        {
            return Ok(open);
        }
        let target = DirectTarget {
            node: Some(neighbour.peer),
            ..DirectTarget::to(&neighbour.info.member)
        };
        let opening = self.open_direct(target).await?;
        let open = self.direct_connected(opening).await?.id;
        *carrier = Some(open);
        if self.inner.directs.neighbour(self.replica, id).is_none() {
            // Gone meanwhile: nobody would ever close it.
            self.inner.directs.close(self.replica, open).await;
            return Err(Error::ConnectionNotFound { id });
        }
        Ok(open)
    }

    /// Closes a direct connection, or gives up opening it. What was sent still arrives. Both sides are
    /// told that it is closed.
    ///
    /// # Errors
    /// [`Error::ConnectionNotFound`] when there is none with this id, or no longer.
    pub async fn close_direct(&self, id: ConnectionId) -> Result<()> {
        self.check()?;
        match self.inner.directs.close(self.replica, id).await {
            true => Ok(()),
            false => Err(Error::ConnectionNotFound { id }),
        }
    }

    /// The open connections of this group, in the order of their ids: direct ones, to neighbours, or
    /// all.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn connections(&self, kind: Option<ConnectionKind>) -> Result<Vec<ConnectionInfo>> {
        self.ready().await?;
        let mut all = self.inner.directs.list(self.replica);
        all.retain(|info| kind.is_none_or(|kind| info.kind == kind));
        Ok(all)
    }

    /// One open connection.
    ///
    /// # Errors
    /// [`Error::ConnectionNotFound`].
    pub async fn connection(&self, id: ConnectionId) -> Result<ConnectionInfo> {
        let all = self.connections(None).await?;
        let found = all.into_iter().find(|info| info.id == id);
        found.ok_or(Error::ConnectionNotFound { id })
    }

    /// Listens, which is what lets others in: while such a listener is there, members may open the
    /// connections it is interested in. It hears of connections, incoming or not, from now on.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many listen in this group; when the handle is closed.
    pub async fn listen_direct(&self, interest: DirectInterest) -> Result<DirectListener> {
        self.listen(interest, None).await
    }

    /// Listens for the messages of one connection; lets nobody in.
    pub(crate) async fn listen_on(
        &self,
        id: ConnectionId,
        interest: DirectInterest,
    ) -> Result<DirectListener> {
        self.listen(interest, Some(id)).await
    }

    async fn listen(
        &self,
        interest: DirectInterest,
        only: Option<ConnectionId>,
    ) -> Result<DirectListener> {
        self.ready().await?;
        let registration = self
            .inner
            .directs
            .listen(self.replica, interest, only)
            .ok_or(Error::Busy)?;
        // When this returns, others are let in.
        self.inner
            .command(|done| Command::ListenDirect(self.replica, done))
            .await?;
        Ok(DirectListener::new(registration, self.life.clone()))
    }

    /// Opens a pipe to a member: a direct connection that carries bytes both ways.
    ///
    /// # Errors
    /// As [`open_direct`](Self::open_direct) and [`direct_connected`](Self::direct_connected).
    pub async fn open_pipe(&self, target: DirectTarget) -> Result<Pipe> {
        let mode = DirectMode::Stream;
        let opening = self.open_direct(DirectTarget { mode, ..target }).await?;
        let open = self.direct_connected(opening).await?;
        self.take_pipe(open.id)
    }

    /// Takes a pipe that is open: one from another member, told by
    /// [`DirectEvent::Connected`](crate::DirectEvent::Connected), or one opened with
    /// [`open_direct`](Self::open_direct). It belongs to whoever takes it first; a pipe that nobody
    /// takes within 30 seconds is closed.
    ///
    /// # Errors
    /// [`Error::ConnectionNotFound`] when there is none with this id, it is not a pipe, or it was
    /// taken.
    pub fn take_pipe(&self, id: ConnectionId) -> Result<Pipe> {
        self.check()?;
        let pipe = self.inner.directs.take_pipe(self.replica, id);
        pipe.ok_or(Error::ConnectionNotFound { id })
    }

    fn no_direct(&self, member: &str, reason: DirectFailure) -> Error {
        match reason {
            DirectFailure::ConnectSelf => Error::ConnectSelf {
                address: member.to_owned(),
            },
            DirectFailure::UnknownMember => Error::MemberNotFound {
                name: member.to_owned(),
            },
            reason => Error::DirectFailed {
                member: member.to_owned(),
                reason,
            },
        }
    }
}

/// Waits until a connection is over, which counts until then, and closes it once `ended`.
async fn count(
    inner: Arc<Inner>,
    replica: ReplicaId,
    id: ConnectionId,
    counted: Counted,
    ended: CancellationToken,
) {
    let directs = &inner.directs;
    let outcome = tokio::select! {
        outcome = directs.outcome(replica, id) => outcome,
        () = inner.stopped.cancelled() => return,
        () = ended.cancelled() => {
            directs.close(replica, id).await;
            return;
        }
    };
    let Some(Outcome::Connected(open)) = outcome else {
        return;
    };
    let _counted = counted.opened();
    tokio::select! {
        () = directs.over(open.id) => {}
        () = inner.stopped.cancelled() => {}
        () = ended.cancelled() => {
            directs.close(replica, open.id).await;
        }
    }
}

fn unsent(id: ConnectionId, failure: SendFailure) -> Error {
    match failure {
        SendFailure::NotFound => Error::ConnectionNotFound { id },
        SendFailure::NoMessages => {
            Error::invalid("id", "this connection is a pipe: it carries no messages")
        }
        SendFailure::Message(MessageError::TooLong { .. }) => Error::TooLarge {
            limit_bytes: MAX_MESSAGE_BYTES,
        },
        SendFailure::Message(error) => Error::invalid("type", error),
    }
}
