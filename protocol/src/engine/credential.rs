//! Credentials after the first one: renewed, with other roles, published for their subjects, and
//! our own taken up when another member has renewed it.

use std::time::Duration;

use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, RecordType, ReplicaId},
    judge::Refusal,
    record::{MAX_EXPIRY, Record},
    time::Timestamp,
    validate::Rejection,
};

use super::{
    ChangeError, CommandId, Engine, Event, Found, Now, Operation, Output, Read, Removal,
    StoreFailure, Terms, change::Own,
};
use crate::{
    gmc::{self, Chain, IssueOptions, VerifiedGmc},
    revocation::Cause,
    roster::grant_id,
};

/// Of a membership's lifetime, in hundredths, after which its owner is warned that nobody renewed it.
const WARNING_PERCENT: u64 = 80;

/// A credential to be published, while the store is asked for the one published before.
#[derive(Debug)]
pub(super) struct Granting {
    command: Option<CommandId>,
    replica: ReplicaId,
    gmc: VerifiedGmc,
}

impl Engine {
    /// Issues a newer credential to a member. Rights it loses are revoked first, because the older
    /// credential would still carry them; `revoked` tells that this has been done.
    pub(super) fn begin_issue(
        &mut self,
        command: Option<CommandId>,
        replica: ReplicaId,
        subject: IdentityKey,
        terms: Terms,
        revoked: bool,
        now: Now,
    ) {
        match self.issue(replica, subject, terms, now) {
            Ok(Issued::Chain(chain)) => self.begin_grant(command, replica, &chain),
            // Another credential came in between: not a third time by ourselves.
            Ok(Issued::RevokeFirst(_)) if revoked => {
                self.reply(command, Err(ChangeError::Conflict));
            }
            Ok(Issued::RevokeFirst(removal)) => {
                self.begin_removal(command, replica, removal, Some(terms), now);
            }
            Err(error) => self.reply(command, Err(error)),
        }
    }

    fn issue(
        &mut self,
        replica: ReplicaId,
        subject: IdentityKey,
        terms: Terms,
        now: Now,
    ) -> Result<Issued, ChangeError> {
        let state = self.groups.get(&replica).ok_or(ChangeError::NotOpen)?;
        let me = state.me();
        if subject == me {
            return Err(ChangeError::Ourselves);
        }
        let mine = state.roster.get(&me).ok_or(ChangeError::NotAuthorised)?;
        let newest = state
            .roster
            .credential(&subject)
            .ok_or(ChangeError::UnknownMember)?;
        let current = state.roster.get(&subject);
        let latest = state
            .roster
            .revocations()
            .about(&subject)
            .iter()
            .map(|one| (one.said().before, one.said().cause))
            .max();
        // Whoever was removed is invited again, by name: a renewal must not do it by the way.
        if current.is_none() && latest.is_some_and(|(_, cause)| cause != Cause::Replaced) {
            return Err(ChangeError::UnknownMember);
        }
        let roles = terms.roles.unwrap_or_else(|| newest.roles());
        // Later than what it replaces, and not void from the start.
        let at = now
            .timestamp
            .max(newest.issued_at() + Duration::from_millis(1))
            .max(latest.map_or(now.timestamp, |(before, _)| before));
        let lifetime = newest.not_after().since(newest.issued_at());
        let not_after = terms
            .not_after
            .unwrap_or_else(|| (at + lifetime).min(mine.not_after()));
        // The older credential would still carry the rights that are taken away.
        if let Some(current) = current
            && (!roles.cover(current.roles()) || not_after < current.not_after())
        {
            return Ok(Issued::RevokeFirst(Removal {
                subject,
                cause: Cause::Replaced,
                reason: String::new(),
                cascade: false,
                with_records: false,
                by_group_key: false,
            }));
        }
        let options = IssueOptions {
            roles,
            not_before: None,
            not_after: Some(not_after),
            friendly_name: Some(newest.friendly_name().to_owned()),
        };
        let identity = std::sync::Arc::clone(&state.identity);
        let (mine, newest) = (mine.clone(), newest.clone());
        let chain = gmc::reissue(&identity, &mine, &newest, &options, at, &mut self.rng)?;
        Ok(Issued::Chain(chain))
    }

    /// Publishes a credential we issued, so that its subject finds it and all others know.
    pub(super) fn begin_grant(
        &mut self,
        command: Option<CommandId>,
        replica: ReplicaId,
        chain: &Chain,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            self.reply(command, Err(ChangeError::NotOpen));
            return;
        };
        let gmc = match gmc::verify_for_any_time(chain, &state.group) {
            Ok(gmc) if gmc.issuer() == state.me() => gmc,
            Ok(_) => {
                self.reply(command, Err(ChangeError::NotAuthorised));
                return;
            }
            Err(error) => {
                self.reply(command, Err(error.into()));
                return;
            }
        };
        let read = Read::Record(grant_id(&gmc.issuer(), &gmc.subject()));
        let operation = self.operation(Operation::Grant(Granting {
            command,
            replica,
            gmc,
        }));
        self.outputs.push_back(Output::Read {
            operation,
            replica,
            read,
        });
    }

    pub(super) fn on_grant_found(
        &mut self,
        granting: Granting,
        result: Result<Found, StoreFailure>,
        now: Now,
    ) {
        let Granting {
            command,
            replica,
            gmc,
        } = granting;
        let held = match result {
            Ok(Found::Record(held)) => held,
            Ok(_) => None,
            Err(failure) => {
                self.reply(command, Err(failure.into()));
                return;
            }
        };
        match self.grant(replica, &gmc, held.as_ref(), now) {
            Ok(record) => {
                let own = Own {
                    command,
                    ..Own::default()
                };
                self.store_own(replica, record, own, now);
            }
            Err(error) => self.reply(command, Err(error)),
        }
    }

    fn grant(
        &self,
        replica: ReplicaId,
        gmc: &VerifiedGmc,
        held: Option<&SignedRecord>,
        now: Now,
    ) -> Result<Record, ChangeError> {
        let state = self.groups.get(&replica).ok_or(ChangeError::NotOpen)?;
        let id = grant_id(&state.me(), &gmc.subject());
        if !state
            .roster
            .has_room(&state.me(), RecordType::MEMBERSHIP, &id)
        {
            return Err(Rejection::from(Refusal::TooMany).into());
        }
        let chain = gmc.chain().encode().to_vec();
        let expires = gmc.not_after().min(MAX_EXPIRY);
        // The record's date must lie inside the credential it carries.
        let at = now.timestamp.max(gmc.issued_at());
        let live = held.filter(|held| !held.record().is_expired(now.timestamp));
        Ok(match live {
            Some(held) => held.record().replace_reserved(expires, chain, at)?,
            None => Record::create_reserved_for(
                gmc.subject().as_bytes(),
                RecordType::MEMBERSHIP,
                state.group,
                state.me(),
                expires,
                chain,
                at,
            )?,
        })
    }

    /// Takes up our own membership if a newer one was published for us (GRP-166).
    pub(super) fn adopt(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(counts) = state.roster.get(&state.me()) else {
            return;
        };
        if counts.issued_at() <= state.gmc.issued_at() || !counts.valid_at(now.timestamp) {
            return;
        }
        state.gmc = counts.clone();
        state.chain = counts.chain().encode().into();
        state.warned = false;
        let gmc = state.gmc.clone();
        self.emit(Event::MembershipRenewed { replica, gmc });
    }

    /// Tells once that our membership ends soon.
    pub(super) fn warn_of_expiry(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let not_after = state.gmc.not_after();
        if state.warned || now.timestamp < warning_at(&state.gmc) {
            return;
        }
        state.warned = true;
        self.emit(Event::MembershipEnding { replica, not_after });
    }
}

/// When the owner of a membership is warned.
fn warning_at(gmc: &VerifiedGmc) -> Timestamp {
    let lifetime = gmc.not_after().since(gmc.issued_at());
    gmc.issued_at() + lifetime / 100 * u32::try_from(WARNING_PERCENT).unwrap_or(100)
}

enum Issued {
    Chain(Chain),
    RevokeFirst(Removal),
}
