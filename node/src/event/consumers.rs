//! Where applications are in the events of a group, kept for them by the node.
//!
//! All cursors of a group are one note in the store, read when the first is asked for and written when
//! one moves. Whoever acknowledges waits until its position is on disk; those who come while a note
//! is being written share the next one, so that acknowledging often is cheap.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use peerage_records::{id::ReplicaId, time::Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::{
    Error, Result,
    model::{ConsumerInfo, Position, instant_text},
    storing::Storing,
};

/// Cursors one application keeps in one group: each is one part of it that goes at its own pace.
pub(crate) const MAX_CONSUMERS: usize = 32;
/// Cursors of all applications in one group: a note of at most 300 KiB.
const MAX_CONSUMERS_IN_ALL: usize = 1_024;
/// The name of a cursor.
const MAX_NAME_BYTES: usize = 64;

/// Whose a cursor is: of which application, the operator among them, and called what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ConsumerName {
    application: String,
    name: String,
}

impl ConsumerName {
    /// # Errors
    /// When the name is empty, too long, or has other characters than letters, digits, `.`, `_`, `-`.
    pub(crate) fn new(application: &str, name: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(plain) {
            let rule = format!("is 1 to {MAX_NAME_BYTES} letters, digits, '.', '_' or '-'");
            return Err(Error::invalid("consumer", rule));
        }
        Ok(Self {
            application: application.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The cursors of all groups.
#[derive(Debug, Default)]
pub(crate) struct Consumers(Mutex<HashMap<ReplicaId, Arc<OfGroup>>>);

impl Consumers {
    /// The cursors of a group, as kept in the store.
    pub(crate) async fn of(&self, replica: ReplicaId, storing: &Storing) -> Result<Arc<OfGroup>> {
        let of_group = Arc::clone(lock(&self.0).entry(replica).or_default());
        of_group
            .kept
            .get_or_try_init(|| async {
                let key = note_key(&replica);
                let note = storing.ask(move |store| store.note(&key)).await?;
                let cursors = match note {
                    Some(note) => read(&note)?,
                    None => BTreeMap::new(),
                };
                let kept = Kept {
                    cursors,
                    version: 0,
                };
                Ok::<_, Error>(Mutex::new(kept))
            })
            .await?;
        Ok(of_group)
    }

    /// Forgets the cursors of an application in a group, so that another one of its name begins anew.
    pub(crate) async fn forget_application(
        &self,
        application: &str,
        replica: ReplicaId,
        storing: &Storing,
    ) -> Result<()> {
        let of_group = self.of(replica, storing).await?;
        of_group.remove_all(application)?;
        of_group.flush(replica, storing).await
    }

    /// Forgets the cursors of a group that was deleted.
    pub(crate) fn forget(&self, replica: &ReplicaId) {
        lock(&self.0).remove(replica);
    }
}

/// The cursors of one group.
#[derive(Debug, Default)]
pub(crate) struct OfGroup {
    kept: OnceCell<Mutex<Kept>>,
    /// The version that is on disk; held while one is being written.
    written: tokio::sync::Mutex<u64>,
}

#[derive(Debug)]
struct Kept {
    cursors: BTreeMap<ConsumerName, Cursor>,
    /// Rises with every change.
    version: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cursor {
    position: Position,
    /// When it was made and when it moved last, in milliseconds since 1970.
    made: u64,
    moved: u64,
}

impl Cursor {
    fn info(&self, name: &ConsumerName) -> ConsumerInfo {
        ConsumerInfo {
            name: name.name.clone(),
            position: self.position,
            made: instant_text(Timestamp::from_millis(self.made)),
            moved: instant_text(Timestamp::from_millis(self.moved)),
        }
    }
}

impl OfGroup {
    /// Where a consumer is; one that is new begins at `start`.
    pub(crate) fn find_or_make(
        &self,
        name: &ConsumerName,
        start: Position,
        now: Timestamp,
    ) -> Result<Position> {
        let mut kept = self.lock()?;
        if let Some(cursor) = kept.cursors.get(name) {
            return Ok(cursor.position);
        }
        let of_application = |other: &&ConsumerName| other.application == name.application;
        let own = kept.cursors.keys().filter(of_application).count();
        if own >= MAX_CONSUMERS || kept.cursors.len() >= MAX_CONSUMERS_IN_ALL {
            return Err(Error::TooManyConsumers {
                limit: MAX_CONSUMERS,
            });
        }
        let cursor = Cursor {
            position: start,
            made: now.as_millis(),
            moved: now.as_millis(),
        };
        kept.cursors.insert(name.clone(), cursor);
        kept.version += 1;
        Ok(start)
    }

    /// Where a consumer is.
    pub(crate) fn position(&self, name: &ConsumerName) -> Result<Position> {
        let kept = self.lock()?;
        let cursor = kept.cursors.get(name).ok_or_else(|| not_found(name))?;
        Ok(cursor.position)
    }

    /// Moves a consumer on, never back; only a cursor of another database, beyond the `last` event of
    /// this one, is set anew. Tells where it is now.
    pub(crate) fn acknowledge(
        &self,
        name: &ConsumerName,
        position: Position,
        last: Position,
        now: Timestamp,
    ) -> Result<Position> {
        if position.sequence > last.sequence {
            let rule = format!("is beyond the last event, {last}");
            return Err(Error::invalid("position", rule));
        }
        let mut kept = self.lock()?;
        let kept = &mut *kept;
        let cursor = kept.cursors.get_mut(name).ok_or_else(|| not_found(name))?;
        if position > cursor.position || cursor.position.sequence > last.sequence {
            cursor.position = position;
            cursor.moved = now.as_millis();
            kept.version += 1;
        }
        Ok(cursor.position)
    }

    pub(crate) fn remove(&self, name: &ConsumerName) -> Result<()> {
        let mut kept = self.lock()?;
        kept.cursors.remove(name).ok_or_else(|| not_found(name))?;
        kept.version += 1;
        Ok(())
    }

    /// Removes the consumers of one application.
    fn remove_all(&self, application: &str) -> Result<()> {
        let mut kept = self.lock()?;
        let before = kept.cursors.len();
        kept.cursors
            .retain(|name, _| name.application != application);
        if kept.cursors.len() < before {
            kept.version += 1;
        }
        Ok(())
    }

    /// The consumers of one application.
    pub(crate) fn list(&self, application: &str) -> Result<Vec<ConsumerInfo>> {
        let kept = self.lock()?;
        let own = kept.cursors.iter();
        let own = own.filter(|(name, _)| name.application == application);
        Ok(own.map(|(name, cursor)| cursor.info(name)).collect())
    }

    /// One consumer.
    pub(crate) fn info(&self, name: &ConsumerName) -> Result<ConsumerInfo> {
        let kept = self.lock()?;
        let cursor = kept.cursors.get(name).ok_or_else(|| not_found(name))?;
        Ok(cursor.info(name))
    }

    /// Waits until everything changed so far is on disk.
    pub(crate) async fn flush(&self, replica: ReplicaId, storing: &Storing) -> Result<()> {
        let wanted = self.lock()?.version;
        let mut written = self.written.lock().await;
        if *written >= wanted {
            return Ok(());
        }
        let (note, version) = {
            let kept = self.lock()?;
            (write(&kept.cursors)?, kept.version)
        };
        storing
            .ask(move |store| {
                // A group that was deleted meanwhile must not leave a note behind.
                store.count(&replica)?;
                store.put_note(&note_key(&replica), &note)
            })
            .await?;
        *written = version;
        Ok(())
    }

    fn lock(&self) -> Result<MutexGuard<'_, Kept>> {
        let kept = self.kept.get().map(lock);
        kept.ok_or_else(|| Error::Internal("the cursors were not read".into()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_found(name: &ConsumerName) -> Error {
    Error::ConsumerNotFound {
        name: name.name.clone(),
    }
}

/// The note, as `docs/formats/store.md` describes it.
#[derive(Serialize, Deserialize)]
struct Note {
    consumers: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    name: ConsumerName,
    #[serde(flatten)]
    cursor: Cursor,
}

pub(crate) fn note_key(replica: &ReplicaId) -> Vec<u8> {
    [b"consumers/", replica.as_bytes().as_slice()].concat()
}

fn write(cursors: &BTreeMap<ConsumerName, Cursor>) -> Result<Vec<u8>> {
    let rows = cursors.iter().map(|(name, cursor)| Row {
        name: name.clone(),
        cursor: *cursor,
    });
    let note = Note {
        consumers: rows.collect(),
    };
    serde_json::to_vec(&note).map_err(|error| Error::Internal(error.to_string()))
}

/// A note that does not read is told of: without it, its consumers would silently begin anew.
fn read(note: &[u8]) -> Result<BTreeMap<ConsumerName, Cursor>> {
    let note: Note = serde_json::from_slice(note).map_err(|error| Error::StoreFailed {
        reason: format!("the consumers' cursors do not read: {error}"),
    })?;
    let rows = note.consumers.into_iter().take(MAX_CONSUMERS_IN_ALL);
    Ok(rows.map(|row| (row.name, row.cursor)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(7);

    fn some() -> OfGroup {
        let kept = Kept {
            cursors: BTreeMap::new(),
            version: 0,
        };
        OfGroup {
            kept: OnceCell::new_with(Some(Mutex::new(kept))),
            written: tokio::sync::Mutex::default(),
        }
    }

    fn name(application: &str, name: &str) -> ConsumerName {
        ConsumerName::new(application, name).unwrap()
    }

    #[test]
    fn a_cursor_moves_on_and_never_back() {
        let group = some();
        let (mail, last) = (name("", "mail"), Position::of(20));
        let at = |sequence, minor| Position { sequence, minor };
        let ack = |position| group.acknowledge(&mail, position, last, NOW);
        assert!(ack(at(1, 0)).is_err(), "there is none yet");
        group.find_or_make(&mail, Position::START, NOW).unwrap();
        assert_eq!(ack(at(17, 3)).unwrap(), at(17, 3));
        assert_eq!(ack(at(17, 1)).unwrap(), at(17, 3));
        assert_eq!(ack(at(3, 0)).unwrap(), at(17, 3));
        assert!(ack(at(21, 0)).is_err(), "nobody has seen that");
        assert_eq!(
            group.find_or_make(&mail, Position::START, NOW).unwrap(),
            at(17, 3)
        );
        // The numbers have begun anew.
        let anew = group.acknowledge(&mail, at(2, 0), Position::of(4), NOW);
        assert_eq!(anew.unwrap(), at(2, 0));
    }

    #[test]
    fn applications_have_names_and_room_of_their_own() {
        let group = some();
        let last = Position::of(9);
        for index in 0..MAX_CONSUMERS {
            let greedy = name("greedy", &format!("c{index}"));
            group.find_or_make(&greedy, Position::START, NOW).unwrap();
        }
        let full = group.find_or_make(&name("greedy", "more"), Position::START, NOW);
        assert_eq!(full.unwrap_err().code(), "too_many_consumers");
        for application in ["", "mail"] {
            let own = name(application, "c0");
            group.find_or_make(&own, Position::START, NOW).unwrap();
            group.acknowledge(&own, last, last, NOW).unwrap();
            assert_eq!(group.list(application).unwrap().len(), 1);
        }
        assert_eq!(
            group.position(&name("greedy", "c0")).unwrap(),
            Position::START
        );
        group.remove(&name("greedy", "c0")).unwrap();
        assert_eq!(group.position(&name("mail", "c0")).unwrap(), last);
        for bad in ["", "a/b", "a b", "\u{e4}", &"x".repeat(65)] {
            assert!(ConsumerName::new("", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_note_reads_back_and_has_its_form() {
        let group = some();
        group
            .find_or_make(&name("mail", "in"), "17.3".parse().unwrap(), NOW)
            .unwrap();
        let note = write(&group.lock().unwrap().cursors).unwrap();
        assert_eq!(
            String::from_utf8(note.clone()).unwrap(),
            r#"{"consumers":[{"application":"mail","name":"in","position":"17.3","made":7,"moved":7}]}"#
        );
        assert_eq!(read(&note).unwrap().len(), 1);
        assert!(read(b"{}").is_err());
    }
}
