//! Who a request is from.

use std::{sync::Arc, time::Instant};

use axum::{extract::FromRequestParts, http::request::Parts};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Api;
use crate::{
    Application, Error,
    applications::{OPERATOR, Permit, Registered},
    model::{CallerInfo, GroupInfo, IdentityInfo, Scope},
};

/// Who a request is from. A handler that takes one is told.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Who owns the node: on its socket, as the same user, without a token.
    Operator,
    /// An application, by its token.
    Application(Arc<Registered>),
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Self>();
        caller.cloned().ok_or(Error::TokenNeeded)
    }
}

impl Caller {
    /// The application's name; `operator` for the operator, and for nobody else.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Operator => OPERATOR,
            Self::Application(application) => &application.kept.name,
        }
    }

    /// What an application holds.
    ///
    /// # Errors
    /// [`Error::SessionNeeded`] when it has no session. The operator needs none and has none.
    pub(super) fn session(&self) -> Result<Option<Application>, Error> {
        let Self::Application(application) = self else {
            return Ok(None);
        };
        let session = application.session();
        session.map(Some).ok_or_else(|| Error::SessionNeeded {
            application: self.name().to_owned(),
        })
    }

    /// Whether it may see a group.
    pub(super) fn sees_group(&self, group: &GroupInfo) -> bool {
        match self {
            Self::Operator => true,
            Self::Application(application) => {
                application.may_use_group(&group.name)
                    && application.may_use_identity(&group.identity)
            }
        }
    }

    /// Whether it may see an identity.
    pub(super) fn sees_identity(&self, identity: &IdentityInfo) -> bool {
        match self {
            Self::Operator => true,
            Self::Application(application) => application.may_use_identity(&identity.name),
        }
    }

    /// Who it is and what it may do.
    pub(super) fn info(&self) -> CallerInfo {
        let mut info = CallerInfo {
            name: self.name().to_owned(),
            operator: true,
            scopes: Scope::ALL.into(),
            groups: Vec::new(),
            identities: Vec::new(),
            quotas: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if let Self::Application(application) = self {
            info.operator = false;
            info.scopes.clone_from(&application.kept.scopes);
            info.groups.clone_from(&application.kept.groups);
            info.identities.clone_from(&application.kept.identities);
            info.quotas = Some(application.kept.quotas);
        }
        info
    }

    /// Begins a request of this caller.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] of an application; [`Error::Busy`] of the operator.
    pub(super) fn begin_request(&self, api: &Api) -> Result<Permit, Error> {
        match self {
            Self::Operator => operators(&api.requests, api, "api_requests"),
            Self::Application(application) => application.usage.begin_request(Instant::now()),
        }
    }
}

/// A stream under way. It counts against its caller until it is dropped.
#[derive(Debug)]
pub(super) struct Streaming {
    _permit: Permit,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Streaming {
    /// Waits until the stream has to end: the node stops, or the token is good no longer.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let (stop, ended) = (self.stop.clone(), self.ended.clone());
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = ended.cancelled() => {}
            }
        }
    }
}

impl Api {
    /// Begins a stream of events or messages for this caller.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] of an application; [`Error::Busy`] of the operator.
    pub(super) fn begin_stream(&self, caller: &Caller) -> Result<Streaming, Error> {
        let (permit, ended) = match caller {
            Caller::Operator => (
                operators(&self.streams, self, "api_streams")?,
                CancellationToken::new(),
            ),
            Caller::Application(application) => {
                (application.usage.begin_stream()?, application.ended.clone())
            }
        };
        Ok(Streaming {
            _permit: permit,
            stop: self.stop.clone(),
            ended,
        })
    }
}

fn operators(slots: &Arc<Semaphore>, api: &Api, bound: &'static str) -> Result<Permit, Error> {
    Arc::clone(slots)
        .try_acquire_owned()
        .map(Permit::of)
        .map_err(|_| {
            api.node.counters().dropped(bound);
            Error::Busy
        })
}
