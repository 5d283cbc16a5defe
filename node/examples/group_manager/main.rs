//! The group manager: identities and groups in three tabs, in a terminal.
//!
//! ```text
//! cargo run -p peerage --example group_manager -- FOLDER
//! ```
//! Everything is kept in FOLDER; one program at a time. The keys of each tab are shown at its foot.
//!
//! `app` is what the window shows and what a key does to it, without any I/O; `view` draws it; `desk`
//! does what it asks for, by the objects of `peerage::objects`.

pub(crate) mod app;
pub(crate) mod desk;
pub(crate) mod view;

use std::{io, process::ExitCode, thread};

use peerage::{Settings, objects::PeerGroupService};
use ratatui::{
    DefaultTerminal,
    crossterm::{
        event::{self, DisableBracketedPaste, EnableBracketedPaste, Event},
        execute,
    },
};
use tokio::sync::mpsc;

use self::{
    app::{App, Message},
    desk::Desk,
};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Keys wait here while something is being done.
const MAX_WAITING: usize = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: group_manager FOLDER");
        return ExitCode::from(2);
    };
    match manage(&folder).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn manage(folder: &str) -> Result<()> {
    let mut settings = Settings::in_folder(folder);
    settings.listen = vec!["/ip4/0.0.0.0/udp/0/quic-v1".parse()?];
    let service = PeerGroupService::of(settings);
    // What keeps the node from starting is better said before the window opens.
    service.node().await?;

    let terminal = ratatui::init();
    let pasting = execute!(io::stdout(), EnableBracketedPaste);
    let outcome = run(terminal, &service).await;
    let _ = execute!(io::stdout(), DisableBracketedPaste);
    ratatui::restore();
    service.shutdown().await?;
    pasting?;
    outcome
}

async fn run(mut terminal: DefaultTerminal, service: &PeerGroupService) -> Result<()> {
    let (tell, mut told) = mpsc::channel(MAX_WAITING);
    let mut app = App::default();
    let mut desk = Desk::new(service.clone(), tell.clone());
    thread::spawn(move || read_keys(&tell));
    desk.serve(&mut app, Message::Started).await;
    while !app.done {
        terminal.draw(|frame| view::draw(frame, &app))?;
        let Some(message) = told.recv().await else {
            break;
        };
        desk.serve(&mut app, message).await;
    }
    desk.close_all().await;
    Ok(())
}

/// Ends with the process, or when nobody listens any more.
fn read_keys(tell: &mpsc::Sender<Message>) {
    while let Ok(event) = event::read() {
        let message = match event {
            Event::Key(key) => Message::Key(key),
            Event::Paste(text) => Message::Pasted(text),
            Event::Resize(..) => Message::Resized,
            _ => continue,
        };
        if tell.blocking_send(message).is_err() {
            return;
        }
    }
}
