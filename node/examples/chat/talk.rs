//! The chat in one group, whoever shows it.

use std::{collections::HashSet, fmt, time::Duration};

use futures::StreamExt;
use peerage::{
    DataInterest, DirectEvent, DirectInterest, DirectListener, DirectMessage, DirectTarget,
    EventStream, GroupHandle, InviteOptions, harmless,
    model::{EventKind, EventOrigin, GroupEvent, GroupStatus, MemberInfo, RecordInfo},
};
use peerage_protocol::wire::direct::MessageType;
use peerage_records::{
    id::RecordType,
    record::RecordDraft,
    store::{Partition, RecordQuery},
    time::Timestamp,
};

use super::Result;

/// So long a line lives.
const LIFETIME: Duration = Duration::from_secs(120);
/// So many lines are shown when a chat is opened.
const SHOWN: usize = 1_000;

pub(crate) const HELP: &str = "\
a line goes to all; /msg NAME TEXT to one alone; /present who is there; /invite CARD, or /address for \
people with the password; /quit";

/// A talk in a group: what is heard of it.
pub(crate) struct Talk {
    pub(crate) room: Room,
    events: EventStream,
    listener: DirectListener,
    /// Told, and not shown yet.
    pending: Option<Told>,
    /// Lines that were there already.
    earlier: HashSet<String>,
    mood: Mood,
}

enum Told {
    Group(Box<GroupEvent>),
    Alone(DirectMessage),
}

/// What is done and asked in the group.
#[derive(Clone)]
pub(crate) struct Room {
    group: GroupHandle,
    title: String,
}

/// How it is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Offline,
    /// Nobody is there, or what they have is not here yet.
    Waiting,
    Chatting,
}

impl fmt::Display for Mood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offline => "offline",
            Self::Waiting => "waiting",
            Self::Chatting => "chatting",
        })
    }
}

/// Something to show. What others wrote is made harmless before it gets here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Somebody said something to all.
    Line { who: String, text: String },
    /// Somebody said something to us alone.
    Alone { who: String, text: String },
    /// We said something to one member alone.
    Whispered { to: String, text: String },
    /// The mood changed.
    Mood(Mood),
    /// Who is there changed: their names.
    Present(Vec<String>),
    /// Something about the chat.
    Remark(String),
}

/// What came of something typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Nothing,
    Show(Heard),
    /// Something long, to be copied as it is.
    Copy(String),
    Quit,
}

impl Talk {
    /// Goes online, and hears everything from then on.
    pub(crate) async fn begin(group: GroupHandle) -> Result<Self> {
        // Before connecting, so that nothing is missed.
        let events = group.events(None).await?;
        // While we listen, members may open direct connections to us, for this and nothing else.
        let interest = DirectInterest {
            connections: true,
            pipes: false,
            data: DataInterest::Types([private_type()].into()),
        };
        let listener = group.listen_direct(interest).await?;
        group.connect().await?;
        let title = harmless(&group.info().await?.friendly_name);
        Ok(Self {
            room: Room { group, title },
            events,
            listener,
            pending: None,
            earlier: HashSet::new(),
            mood: Mood::Offline,
        })
    }

    /// What there is to show at first: what was said before, how it is going, who is there.
    pub(crate) async fn beginning(&mut self) -> Result<Vec<Heard>> {
        let earlier = self.room.lines().await?;
        let members = self.room.group.members().await?;
        let mut heard: Vec<Heard> = earlier.iter().map(|line| said(&members, line)).collect();
        self.earlier = earlier.into_iter().map(|line| line.id).collect();
        self.mood = self.room.mood().await?;
        heard.push(Heard::Mood(self.mood));
        heard.push(Heard::Present(present(&members)));
        Ok(heard)
    }

    /// Waits for something to show; `None` when the chat is over. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Heard>> {
        loop {
            if self.pending.is_none() {
                self.pending = tokio::select! {
                    event = self.events.next() => {
                        event.transpose()?.map(|event| Told::Group(Box::new(event)))
                    }
                    event = self.listener.next() => match event {
                        Some(DirectEvent::Data(message)) => Some(Told::Alone(message)),
                        Some(_) => continue,
                        None => None,
                    },
                };
            }
            let (heard, known) = match &self.pending {
                None => return Ok(None),
                Some(Told::Alone(message)) => (self.room.told_alone(message).await?, false),
                Some(Told::Group(event)) => {
                    let known = |id| self.earlier.contains(id);
                    let known = event.record.as_ref().is_some_and(known);
                    (self.room.told(event).await?, known)
                }
            };
            self.pending = None;
            match heard {
                None => {}
                Some(Heard::Line { .. }) if known => {}
                Some(Heard::Mood(mood)) if mood == self.mood => {}
                Some(heard) => {
                    if let Heard::Mood(mood) = heard {
                        self.mood = mood;
                    }
                    return Ok(Some(heard));
                }
            }
        }
    }
}

impl Room {
    /// The chat's name.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// What was said before and still lives, oldest first.
    async fn lines(&self) -> Result<Vec<RecordInfo>> {
        let query = RecordQuery {
            kind: Some(line_type()),
            partition: Partition::Application,
            after: None,
            limit: SHOWN,
        };
        let mut lines = self.group.list(query).await?;
        // Instants as text sort by time.
        lines.sort_by(|one, other| one.created.cmp(&other.created));
        Ok(lines)
    }

    async fn told(&self, event: &GroupEvent) -> Result<Option<Heard>> {
        Ok(match event.kind {
            EventKind::RecordAdded => self.line(event).await?,
            EventKind::StatusChanged | EventKind::Synchronised => {
                Some(Heard::Mood(self.mood().await?))
            }
            EventKind::MemberConnected
            | EventKind::MemberDisconnected
            | EventKind::MemberJoined
            | EventKind::MemberUpdated
            | EventKind::MemberRemoved
            | EventKind::MemberLeft => Some(Heard::Present(self.present().await?)),
            EventKind::ConnectionFailed => {
                let why = event.reason.as_deref().unwrap_or("nobody is there");
                Some(Heard::Remark(format!("not connected: {}", harmless(why))))
            }
            EventKind::Gap => Some(Heard::Remark("some lines may be missing".to_owned())),
            _ => None,
        })
    }

    async fn told_alone(&self, message: &DirectMessage) -> Result<Option<Heard>> {
        // It is read, which is all the connection was for. The other side may have closed it already.
        let _ = self.group.close_direct(message.id).await;
        let members = self.group.members().await?;
        let from = members.iter().find(|member| *member.name == *message.from);
        Ok(Some(Heard::Alone {
            who: from.map_or_else(|| "somebody".to_owned(), |from| name_of(&members, from)),
            text: harmless(&String::from_utf8_lossy(&message.data)),
        }))
    }

    /// What we said ourselves was shown when we said it.
    async fn line(&self, event: &GroupEvent) -> Result<Option<Heard>> {
        let is_line = event.record_type.as_deref() == Some(line_type().to_string().as_str());
        let Some(id) = event.record.as_deref().filter(|_| is_line) else {
            return Ok(None);
        };
        if event.origin == Some(EventOrigin::Local) {
            return Ok(None);
        }
        // It may have lapsed already.
        let Ok(record) = self.group.get(id.parse()?).await else {
            return Ok(None);
        };
        Ok(Some(said(&self.group.members().await?, &record)))
    }

    /// Does what was typed.
    pub(crate) async fn enter(&self, line: &str) -> Result<Answer> {
        let line = line.trim();
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let show = |text: String| Ok(Answer::Show(Heard::Remark(text)));
        match command {
            "" => Ok(Answer::Nothing),
            "/quit" => Ok(Answer::Quit),
            "/help" => show(HELP.to_owned()),
            "/present" => Ok(Answer::Show(Heard::Present(self.present().await?))),
            "/msg" => self.whisper(rest.trim()).await,
            "/invite" => {
                let card = unbroken(rest).parse()?;
                let invitation = self.group.invite(&card, InviteOptions::default()).await?;
                Ok(Answer::Copy(invitation.to_uri()))
            }
            "/address" => Ok(Answer::Copy(self.group.address().await?.to_uri())),
            _ if command.starts_with('/') => Err(format!("{command} is no command; {HELP}").into()),
            _ => self.say(line).await,
        }
    }

    async fn say(&self, text: &str) -> Result<Answer> {
        let record = self
            .group
            .publish(RecordDraft {
                kind: line_type(),
                expires: now()? + LIFETIME,
                attributes: Vec::new(),
                payload: text.as_bytes().to_vec(),
            })
            .await?;
        Ok(Answer::Show(said(&self.group.members().await?, &record)))
    }

    /// Says something to one member, over a direct connection that the other side closes.
    async fn whisper(&self, rest: &str) -> Result<Answer> {
        let members = self.group.members().await?;
        let others = members.iter().filter(|member| !member.myself);
        let meant = others.filter_map(|member| {
            let name = name_of(&members, member);
            let text = rest.strip_prefix(name.as_str())?.strip_prefix([' ', ':'])?;
            Some((name, member, text.trim()))
        });
        // One name may begin another.
        let Some((to, member, text)) = meant.max_by_key(|(name, ..)| name.len()) else {
            return Err("/msg NAME TEXT: nobody has that name; /present tells who is there".into());
        };
        let opening = self
            .group
            .open_direct(DirectTarget::to(&member.name))
            .await?;
        let open = self.group.direct_connected(opening).await?;
        let data = text.as_bytes().to_vec();
        self.group
            .send_direct(open.id, private_type(), data)
            .await?;
        let text = harmless(text);
        Ok(Answer::Show(Heard::Whispered { to, text }))
    }

    async fn present(&self) -> Result<Vec<String>> {
        Ok(present(&self.group.members().await?))
    }

    async fn mood(&self) -> Result<Mood> {
        let info = self.group.info().await?;
        Ok(match info.status {
            GroupStatus::Connected if info.synchronised => Mood::Chatting,
            GroupStatus::Connecting | GroupStatus::Listening | GroupStatus::Connected => {
                Mood::Waiting
            }
            _ => Mood::Offline,
        })
    }
}

/// A card, an invitation or an address, without the ends of lines that copying from a screen puts into
/// it; the form in several lines is left as it is.
pub(crate) fn unbroken(text: &str) -> String {
    let text = text.trim();
    match text.starts_with("peerage:") {
        true => text.split_whitespace().collect(),
        false => text.to_owned(),
    }
}

fn line_type() -> RecordType {
    RecordType::from_name("chat line")
}

fn private_type() -> MessageType {
    MessageType::from_name("private chat message")
}

fn now() -> Result<Timestamp> {
    Ok(Timestamp::from_secs(
        std::time::UNIX_EPOCH.elapsed()?.as_secs(),
    ))
}

fn said(members: &[MemberInfo], record: &RecordInfo) -> Heard {
    let creator = members
        .iter()
        .find(|member| member.public_key == record.creator);
    Heard::Line {
        who: creator.map_or_else(|| "somebody".to_owned(), |member| name_of(members, member)),
        text: harmless(record.payload_text.as_deref().unwrap_or("(not text)")),
    }
}

/// Who is there, ourselves first.
fn present(members: &[MemberInfo]) -> Vec<String> {
    let here = members
        .iter()
        .filter(|member| member.present || member.myself);
    here.map(|member| name_of(members, member)).collect()
}

/// The display name; of two who have the same, with the beginning of the key, which nobody chooses.
fn name_of(members: &[MemberInfo], member: &MemberInfo) -> String {
    let name = harmless(&member.friendly_name);
    let twice = members
        .iter()
        .any(|other| other.name != member.name && harmless(&other.friendly_name) == name);
    match twice {
        true => format!("{name} ({:.8})", member.name),
        false => name,
    }
}
