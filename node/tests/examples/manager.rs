//! The group manager, by its keys and its screen.

use peerage::{
    GroupHandle, Settings,
    objects::{PeerGroupService, PeerIdentity},
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{
    group_manager::{
        app::{App, Message, Popup},
        desk::Desk,
        view,
    },
    nodes::{Home, eventually},
    screen,
};

/// The manager at work in a folder, and what is on its screen.
struct Manager {
    _folder: TempDir,
    service: PeerGroupService,
    app: App,
    desk: Desk,
    told: mpsc::Receiver<Message>,
    terminal: Terminal<TestBackend>,
}

impl Manager {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_folder(folder.path().join("data"));
        settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        let service = PeerGroupService::of(settings);
        let (tell, told) = mpsc::channel(64);
        let mut manager = Self {
            _folder: folder,
            app: App::default(),
            desk: Desk::new(service.clone(), tell),
            service,
            told,
            terminal: Terminal::new(TestBackend::new(130, 24)).unwrap(),
        };
        manager.serve(Message::Started).await;
        manager
    }

    async fn serve(&mut self, message: Message) {
        self.desk.serve(&mut self.app, message).await;
    }

    async fn press(&mut self, code: KeyCode) {
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        self.serve(Message::Key(key)).await;
    }

    /// Presses the keys of these letters.
    async fn keys(&mut self, letters: &str) {
        for letter in letters.chars() {
            self.press(KeyCode::Char(letter)).await;
        }
    }

    /// Begins to type, empties the box, types and commits.
    async fn fill(&mut self, key: &str, text: &str) {
        self.keys(key).await;
        let clear = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        self.serve(Message::Key(clear)).await;
        self.keys(text).await;
        self.press(KeyCode::Enter).await;
    }

    fn screen(&mut self) -> String {
        let app = &self.app;
        self.terminal.draw(|frame| view::draw(frame, app)).unwrap();
        screen(&self.terminal)
    }

    #[track_caller]
    fn shows(&mut self, texts: &[&str]) {
        let screen = self.screen();
        for text in texts {
            assert!(screen.contains(text), "no {text:?} on:\n{screen}");
        }
    }

    #[track_caller]
    fn lacks(&mut self, text: &str) {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} on:\n{screen}");
    }

    /// Lets the window hear what happens until the screen shows this.
    async fn comes_to_show(&mut self, text: &str) {
        while !self.screen().contains(text) {
            let told = tokio::time::timeout(super::nodes::DEADLINE, self.told.recv()).await;
            let message = told.unwrap_or_else(|_| panic!("never {text:?}:\n{}", self.screen()));
            self.serve(message.unwrap()).await;
        }
    }

    fn popup_text(&self) -> String {
        match &self.app.popup {
            Some(Popup::Text { text, .. }) => text.clone(),
            other => panic!("no text to copy: {other:?}"),
        }
    }
}

async fn properties(group: &GroupHandle, friendly_name: &str, comment: &str) {
    eventually("the properties that were typed", async || {
        let properties = group.properties().await.ok()?;
        let now = (
            properties.friendly_name.as_str(),
            properties.comment.as_str(),
        );
        (now == (friendly_name, comment)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_manager_has_three_tabs_and_offers_what_can_be_done() {
    let mut manager = Manager::start().await;
    manager.shows(&["Identities", "Create", "Groups", "[n] Create", " d  Delete"]);
    manager.keys("d").await;
    manager.shows(&["there is no identity yet"]);

    // Identities: a name, and it is there.
    manager.keys("nAda").await;
    manager.shows(&["Name of the new identity", "Ada▏"]);
    manager.press(KeyCode::Enter).await;
    manager.shows(&["made Ada", "> Ada", "0 groups", "[d] Delete"]);
    manager.fill("n", "Ben").await;
    manager.shows(&["made Ben", "  Ben"]);

    // Create: for the selected identity, with a blank friendly name.
    let ada = PeerIdentity::find(&manager.service, Some("Ada"))
        .await
        .unwrap();
    manager.shows(&["> Ada"]);
    manager.press(KeyCode::Tab).await;
    manager.fill("n", "chess").await;
    manager.shows(&[
        "A new group",
        "Ada",
        "chess",
        "Friendly name (may be blank)",
    ]);
    manager.keys("c").await;
    manager.shows(&["the group is made"]);
    manager.fill("n", "go").await;
    manager.fill("f", "Go at noon").await;
    manager.keys("c").await;
    assert_eq!(ada.groups().list().await.unwrap().len(), 2);

    // Groups: a closed one is opened or deleted, and nothing else.
    manager.press(KeyCode::Tab).await;
    manager.shows(&[
        "Groups of Ada",
        "○ chess",
        "○ Go at noon",
        "Properties",
        "2419200 s",
        "300 s",
    ]);
    while manager.app.selected_group().unwrap().friendly_name != "chess" {
        manager.press(KeyCode::Down).await;
    }
    manager.shows(&["closed", "[o] Open", " c  Close", "[d] Delete"]);
    manager.shows(&[" f  Friendly name", " m  Comment", " i  Create invitation"]);
    for key in ["c", "f", "m", "i"] {
        manager.keys(key).await;
        manager.shows(&["the group is closed"]);
        assert!(manager.app.typing.is_none() && manager.app.popup.is_none());
    }

    // An open one is not opened again; the other stays what it is.
    manager.keys("o").await;
    manager.shows(&[
        "● chess",
        "○ Go at noon",
        " o  Open",
        "[c] Close",
        "[f] Friendly name",
    ]);
    manager.shows(&["[m] Comment", "[i] Create invitation"]);
    manager.comes_to_show("listening").await;
    manager.keys("o").await;
    manager.shows(&["Open: the group is open"]);
    let other = if manager.app.group == 0 {
        KeyCode::Down
    } else {
        KeyCode::Up
    };
    let back = if manager.app.group == 0 {
        KeyCode::Up
    } else {
        KeyCode::Down
    };
    manager.press(other).await;
    manager.shows(&["[o] Open", " c  Close", " i  Create invitation", "● chess"]);
    manager.press(back).await;
    manager.shows(&["[c] Close", "● chess"]);

    // Who is invited here is a member there, and sees at once what is edited.
    let cara = Home::new().await;
    let card = cara.node.card(None).await.unwrap().to_uri();
    manager.keys("i").await;
    manager.serve(Message::Pasted(card)).await;
    manager.press(KeyCode::Enter).await;
    manager.shows(&["Invitation, for whose card it was", "peerage:invite:"]);
    let invitation = manager.popup_text().parse().unwrap();
    manager.press(KeyCode::Esc).await;
    let caras = cara.node.join(invitation, None).await.unwrap();
    caras.connect().await.unwrap();
    manager.comes_to_show("connected").await;
    properties(&caras, "chess", "").await;
    manager.fill("m", "Thursdays").await;
    properties(&caras, "chess", "Thursdays").await;
    manager.fill("f", "Chess club").await;
    properties(&caras, "Chess club", "Thursdays").await;
    manager.shows(&["● Chess club", "Thursdays", "Chess club"]);

    // Failures with their code and the next step.
    manager.keys("i").await;
    manager.keys("not a card").await;
    manager.press(KeyCode::Enter).await;
    manager.shows(&["invalid_identity"]);
    manager.press(KeyCode::BackTab).await;
    manager.press(KeyCode::BackTab).await;
    manager.keys("d").await;
    manager.shows(&["Delete the identity Ada"]);
    manager.keys("y").await;
    manager.shows(&["groups_exist", "PEER_E_GROUPS_EXIST", "→"]);
    manager.press(KeyCode::Tab).await;
    manager.press(KeyCode::Tab).await;

    // Closed, it is offered again; deleted, it is gone, unless one thinks better of it.
    manager.keys("c").await;
    manager.shows(&["○ Chess club", "[o] Open", " c  Close"]);
    manager.keys("dn").await;
    manager.shows(&["Chess club"]);
    manager.keys("odyd").await;
    manager.lacks("Chess club");
    manager.keys("y").await;
    manager.lacks("Go at noon");
    manager.press(KeyCode::Right).await;
    manager.keys("dy").await;
    manager.shows(&["the identity is deleted", "Ben"]);
    manager.lacks("Ada");
    manager.keys("q").await;
    assert!(manager.app.done);
    manager.desk.close_all().await;
    manager.service.shutdown().await.unwrap();
}
