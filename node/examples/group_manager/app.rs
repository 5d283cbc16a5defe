//! What the window shows, and what a key does to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// At most this many characters in a box: an invitation is the longest that is pasted.
const MAX_TYPED: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    #[default]
    Identities,
    Create,
    Groups,
}

impl Tab {
    pub(crate) const ALL: [Self; 3] = [Self::Identities, Self::Create, Self::Groups];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Identities => "Identities",
            Self::Create => "Create",
            Self::Groups => "Groups",
        }
    }

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// A box one types into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The friendly name of a new identity.
    Identity,
    /// The classifier of a new group.
    GroupName,
    /// The friendly name of a new group.
    GroupFriendlyName,
    /// The friendly name of the selected group.
    FriendlyName,
    /// The comment of the selected group.
    Comment,
    /// The card of whoever is to be invited.
    Card,
    /// An invitation to be accepted.
    Invitation,
}

impl Field {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Identity => "Name of the new identity",
            Self::GroupName => "Group name",
            Self::GroupFriendlyName => "Friendly name (may be blank)",
            Self::FriendlyName => "Friendly name",
            Self::Comment => "Comment",
            Self::Card => "Card of whoever is to be invited",
            Self::Invitation => "Invitation to accept",
        }
    }
}

/// An identity in the list.
#[derive(Debug, Clone)]
pub(crate) struct IdentityRow {
    pub(crate) peer_name: String,
    pub(crate) friendly_name: String,
    pub(crate) groups: usize,
}

/// A group in the list, with what the property grid shows.
#[derive(Debug, Clone)]
pub(crate) struct GroupRow {
    pub(crate) name: String,
    pub(crate) friendly_name: String,
    pub(crate) comment: String,
    pub(crate) open: bool,
    /// Property and value, for those that cannot be edited.
    pub(crate) fixed: Vec<(&'static str, String)>,
}

/// Something went wrong.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) original: Option<&'static str>,
    pub(crate) next_step: String,
}

/// What is said at the foot of the window.
#[derive(Debug, Clone, Default)]
pub(crate) enum Notice {
    #[default]
    Nothing,
    Said(String),
    Failed(Failure),
}

/// What lies over the window.
#[derive(Debug, Clone)]
pub(crate) enum Popup {
    /// A text to be copied.
    Text { title: &'static str, text: String },
    /// Something is to be deleted: really?
    Confirm { question: String, task: Task },
}

/// What the window asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    ListIdentities,
    ListGroups {
        identity: String,
    },
    CreateIdentity {
        friendly_name: String,
    },
    DeleteIdentity {
        identity: String,
    },
    ShowCard {
        identity: String,
    },
    CreateGroup {
        identity: String,
        name: String,
        friendly_name: String,
    },
    Open(Of),
    Close(Of),
    Delete(Of),
    SetFriendlyName(Of, String),
    SetComment(Of, String),
    Invite(Of, String),
    Join {
        identity: String,
        invitation: String,
    },
}

/// Which group of which identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Of {
    pub(crate) identity: String,
    pub(crate) group: String,
}

/// What reaches the window.
#[derive(Debug)]
pub(crate) enum Message {
    Started,
    Key(KeyEvent),
    Pasted(String),
    Resized,
    Identities(Vec<IdentityRow>),
    Groups {
        identity: String,
        groups: Vec<GroupRow>,
    },
    /// Something happened in an open group.
    Happened {
        of: Of,
        what: String,
    },
    Done(String),
    Show {
        title: &'static str,
        text: String,
    },
    Failed(Failure),
}

#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) tab: Tab,
    pub(crate) identities: Vec<IdentityRow>,
    pub(crate) identity: usize,
    pub(crate) groups: Vec<GroupRow>,
    pub(crate) group: usize,
    /// The box with the cursor, and what is in it.
    pub(crate) typing: Option<(Field, String)>,
    pub(crate) group_name: String,
    pub(crate) group_friendly_name: String,
    pub(crate) popup: Option<Popup>,
    pub(crate) notice: Notice,
    pub(crate) done: bool,
}

/// A key of a tab: what it does, and whether that can be done now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    pub(crate) key: char,
    pub(crate) label: &'static str,
    pub(crate) enabled: bool,
}

impl App {
    pub(crate) fn selected_identity(&self) -> Option<&IdentityRow> {
        self.identities.get(self.identity)
    }

    pub(crate) fn selected_group(&self) -> Option<&GroupRow> {
        self.groups.get(self.group)
    }

    /// The keys of the tab in front.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let action = |key, label, enabled| Action {
            key,
            label,
            enabled,
        };
        let identity = self.selected_identity().is_some();
        match self.tab {
            Tab::Identities => vec![
                action('n', "Create", true),
                action('k', "Show card", identity),
                action('d', "Delete", identity),
            ],
            Tab::Create => vec![
                action('n', "Group name", identity),
                action('f', "Friendly name", identity),
                action('c', "Create", identity),
            ],
            Tab::Groups => {
                let group = self.selected_group();
                let open = group.is_some_and(|group| group.open);
                let closed = group.is_some_and(|group| !group.open);
                vec![
                    action('o', "Open", closed),
                    action('c', "Close", open),
                    action('d', "Delete", group.is_some()),
                    action('f', "Friendly name", open),
                    action('m', "Comment", open),
                    action('i', "Create invitation", open),
                    action('j', "Join", identity),
                ]
            }
        }
    }

    /// Takes one message, and tells what is to be done about it.
    pub(crate) fn update(&mut self, message: Message) -> Option<Task> {
        match message {
            Message::Key(key) if key.kind != KeyEventKind::Release => return self.key(key),
            Message::Key(_) | Message::Resized => {}
            Message::Pasted(text) => self.paste(&text),
            Message::Started => return Some(Task::ListIdentities),
            Message::Identities(identities) => return self.show_identities(identities),
            Message::Groups { identity, groups } => self.show_groups(&identity, groups),
            Message::Happened { of, what } => {
                let mut groups = self.groups.iter();
                let known = groups.find(|group| group.name == of.group);
                let name = known.map_or(of.group.as_str(), |group| &group.friendly_name);
                // What went wrong stays until a key is pressed.
                if !matches!(self.notice, Notice::Failed(_)) {
                    self.notice = Notice::Said(format!("{name}: {what}"));
                }
                return self.list_groups();
            }
            Message::Done(text) => {
                self.notice = Notice::Said(text);
                return Some(Task::ListIdentities);
            }
            Message::Show { title, text } => self.popup = Some(Popup::Text { title, text }),
            Message::Failed(failure) => self.notice = Notice::Failed(failure),
        }
        None
    }

    fn show_identities(&mut self, identities: Vec<IdentityRow>) -> Option<Task> {
        let selected = self.selected_identity().map(|row| row.peer_name.clone());
        self.identities = identities;
        let kept = selected.and_then(|name| {
            let mut rows = self.identities.iter();
            rows.position(|row| row.peer_name == name)
        });
        self.identity = kept.unwrap_or(0);
        if self.identities.is_empty() {
            self.groups.clear();
        }
        self.list_groups()
    }

    /// What comes late, of an identity that is selected no longer, is not shown.
    fn show_groups(&mut self, identity: &str, groups: Vec<GroupRow>) {
        if self
            .selected_identity()
            .is_none_or(|row| row.peer_name != identity)
        {
            return;
        }
        let selected = self.selected_group().map(|row| row.name.clone());
        self.groups = groups;
        let kept = selected.and_then(|name| self.groups.iter().position(|row| row.name == name));
        self.group = kept.unwrap_or(0);
    }

    fn list_groups(&self) -> Option<Task> {
        let identity = self.selected_identity()?.peer_name.clone();
        Some(Task::ListGroups { identity })
    }

    fn key(&mut self, key: KeyEvent) -> Option<Task> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            self.done = true;
            return None;
        }
        match self.popup.take() {
            Some(Popup::Text { .. }) => return None,
            Some(Popup::Confirm { task, .. }) => {
                let agreed = key.code == KeyCode::Char('y');
                return agreed.then_some(task);
            }
            None => {}
        }
        if let Some((field, text)) = self.typing.take() {
            return self.type_key(key, field, text);
        }
        match key.code {
            KeyCode::Char('q') => self.done = true,
            KeyCode::Tab | KeyCode::Right => self.tab = self.tab.step(1),
            KeyCode::BackTab | KeyCode::Left => self.tab = self.tab.step(Tab::ALL.len() - 1),
            KeyCode::Up => return self.select(|at, _| at.saturating_sub(1)),
            KeyCode::Down => return self.select(|at, last| (at + 1).min(last)),
            KeyCode::Char(letter) => return self.act(letter),
            _ => {}
        }
        None
    }

    /// Another identity also has other groups.
    fn select(&mut self, step: impl Fn(usize, usize) -> usize) -> Option<Task> {
        match self.tab {
            Tab::Groups => {
                self.group = step(self.group, self.groups.len().saturating_sub(1));
                None
            }
            Tab::Identities | Tab::Create => {
                self.identity = step(self.identity, self.identities.len().saturating_sub(1));
                self.group = 0;
                self.list_groups()
            }
        }
    }

    fn act(&mut self, letter: char) -> Option<Task> {
        let actions = self.actions();
        let action = actions.iter().find(|action| action.key == letter)?;
        if !action.enabled {
            self.notice = Notice::Said(self.why_not(action));
            return None;
        }
        self.notice = Notice::Nothing;
        match self.tab {
            Tab::Identities => self.act_on_identity(letter),
            Tab::Create => self.act_on_new_group(letter),
            Tab::Groups => self.act_on_group(letter),
        }
    }

    fn why_not(&self, action: &Action) -> String {
        let label = action.label;
        match (self.tab, self.selected_group()) {
            (Tab::Groups, Some(group)) if self.identity < self.identities.len() => {
                let is = if group.open { "open" } else { "closed" };
                format!("{label}: the group is {is}")
            }
            (Tab::Groups, None) if !self.identities.is_empty() => {
                format!("{label}: there is no group yet; create or join one")
            }
            _ => format!("{label}: there is no identity yet; create one"),
        }
    }

    fn act_on_identity(&mut self, letter: char) -> Option<Task> {
        if letter == 'n' {
            self.begin(Field::Identity, String::new());
            return None;
        }
        let row = self.selected_identity()?;
        let identity = row.peer_name.clone();
        if letter == 'k' {
            return Some(Task::ShowCard { identity });
        }
        let question = format!("Delete the identity {} and its key?", row.friendly_name);
        let task = Task::DeleteIdentity { identity };
        self.popup = Some(Popup::Confirm { question, task });
        None
    }

    fn act_on_new_group(&mut self, letter: char) -> Option<Task> {
        match letter {
            'n' => self.begin(Field::GroupName, self.group_name.clone()),
            'f' => self.begin(Field::GroupFriendlyName, self.group_friendly_name.clone()),
            _ => {
                return Some(Task::CreateGroup {
                    identity: self.selected_identity()?.peer_name.clone(),
                    name: std::mem::take(&mut self.group_name),
                    friendly_name: std::mem::take(&mut self.group_friendly_name),
                });
            }
        }
        None
    }

    fn act_on_group(&mut self, letter: char) -> Option<Task> {
        if letter == 'j' {
            self.begin(Field::Invitation, String::new());
            return None;
        }
        let of = self.of()?;
        let row = self.selected_group()?;
        match letter {
            'o' => return Some(Task::Open(of)),
            'c' => return Some(Task::Close(of)),
            'f' => self.begin(Field::FriendlyName, row.friendly_name.clone()),
            'm' => self.begin(Field::Comment, row.comment.clone()),
            'i' => self.begin(Field::Card, String::new()),
            _ => {
                let question = format!("Delete the group {} here?", row.friendly_name);
                let task = Task::Delete(of);
                self.popup = Some(Popup::Confirm { question, task });
            }
        }
        None
    }

    fn begin(&mut self, field: Field, text: String) {
        self.typing = Some((field, text));
    }

    fn paste(&mut self, pasted: &str) {
        if let Some((_, text)) = &mut self.typing {
            let room = MAX_TYPED.saturating_sub(text.chars().count());
            text.extend(pasted.chars().take(room));
        }
    }

    fn type_key(&mut self, key: KeyEvent, field: Field, mut text: String) -> Option<Task> {
        match key.code {
            KeyCode::Enter => return self.commit(field, text),
            KeyCode::Esc => return None,
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => text.clear(),
            KeyCode::Char(letter) if text.chars().count() < MAX_TYPED => text.push(letter),
            _ => {}
        }
        self.typing = Some((field, text));
        None
    }

    fn commit(&mut self, field: Field, text: String) -> Option<Task> {
        match field {
            Field::Identity => Some(Task::CreateIdentity {
                friendly_name: text,
            }),
            Field::GroupName => {
                self.group_name = text;
                None
            }
            Field::GroupFriendlyName => {
                self.group_friendly_name = text;
                None
            }
            Field::FriendlyName => Some(Task::SetFriendlyName(self.of()?, text)),
            Field::Comment => Some(Task::SetComment(self.of()?, text)),
            Field::Card => Some(Task::Invite(self.of()?, text)),
            Field::Invitation => Some(Task::Join {
                identity: self.selected_identity()?.peer_name.clone(),
                invitation: text,
            }),
        }
    }

    fn of(&self) -> Option<Of> {
        Some(Of {
            identity: self.selected_identity()?.peer_name.clone(),
            group: self.selected_group()?.name.clone(),
        })
    }
}
