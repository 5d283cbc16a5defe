//! The chat in a window: the conversation, who is present, and a line to type.

use std::thread;

use ratatui::{
    DefaultTerminal, Frame,
    crossterm::{
        event::{
            self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent,
            KeyEventKind, KeyModifiers,
        },
        execute,
    },
    layout::{Constraint, Layout},
    style::Stylize,
    text::{Line, Span},
    widgets::{Block, List, ListItem, Paragraph},
};
use tokio::sync::mpsc;

use super::{
    Result, lines,
    talk::{Answer, Heard, Mood, Talk},
};

/// So many lines of the conversation are kept on the screen.
const KEPT: usize = 500;
/// Keys wait here while something is being done.
const MAX_WAITING: usize = 64;

/// What the window shows.
#[derive(Debug)]
pub(crate) struct Window {
    title: String,
    mood: Mood,
    present: Vec<String>,
    said: Vec<String>,
    /// Shown over the window until a key is pressed.
    pub(crate) copy: Option<String>,
    pub(crate) typed: String,
}

impl Window {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            mood: Mood::Offline,
            present: Vec::new(),
            said: Vec::new(),
            copy: None,
            typed: String::new(),
        }
    }

    pub(crate) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Mood(mood) => self.mood = mood,
            Heard::Present(names) => self.present = names,
            said => self.said.push(lines::text(&said)),
        }
        let excess = self.said.len().saturating_sub(KEPT);
        self.said.drain(..excess);
    }

    /// Takes a key; gives the line that was finished with it.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Option<String> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.copy.take().is_some() && !control {
            return None;
        }
        match key.code {
            KeyCode::Char('c') if control => return Some("/quit".to_owned()),
            KeyCode::Char('u') if control => self.typed.clear(),
            KeyCode::Char(letter) => self.typed.push(letter),
            KeyCode::Backspace => {
                self.typed.pop();
            }
            KeyCode::Esc => self.typed.clear(),
            KeyCode::Enter => return Some(std::mem::take(&mut self.typed)),
            _ => {}
        }
        None
    }

    /// Takes a text of several lines as one.
    fn paste(&mut self, text: &str) {
        let text = text.trim().replace(['\r', '\n'], " ");
        self.typed.push_str(&peerage::harmless(&text));
    }

    pub(crate) fn draw(&self, frame: &mut Frame) {
        if let Some(text) = &self.copy {
            // Without a frame, which a terminal would copy too.
            let rows = wrapped(text, frame.area().width);
            let mut rows: Vec<Line> = rows.into_iter().map(Line::from).collect();
            rows.insert(0, Line::raw("To be copied; any key goes back.").bold());
            frame.render_widget(Paragraph::new(rows), frame.area());
            return;
        }
        let [body, line] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(3)]).areas(frame.area());
        let [conversation, present] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Max(30)]).areas(body);

        let title = format!("{} – {}", self.title, self.mood);
        let block = Block::bordered().title(title.bold());
        let inside = block.inner(conversation);
        let rows = self
            .said
            .iter()
            .flat_map(|said| wrapped(said, inside.width));
        let rows: Vec<Line> = rows.map(Line::from).collect();
        // The newest is at the bottom.
        let above = rows.len().saturating_sub(usize::from(inside.height));
        frame.render_widget(
            Paragraph::new(rows[above..].to_vec()).block(block),
            conversation,
        );

        let names = self.present.iter().map(|name| ListItem::new(name.as_str()));
        frame.render_widget(
            List::new(names).block(Block::bordered().title("Present")),
            present,
        );

        let room = usize::from(line.width.saturating_sub(3));
        let skipped = self.typed.chars().count().saturating_sub(room);
        let typed: String = self.typed.chars().skip(skipped).collect();
        let block = Block::bordered().title("Enter sends, /help, /quit");
        frame.render_widget(Paragraph::new(format!("{typed}▏")).block(block), line);
    }
}

/// A line in pieces that fit.
fn wrapped(line: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(2));
    let (mut rows, mut row, mut taken) = (Vec::new(), String::new(), 0);
    for letter in line.chars() {
        let wide = Span::raw(letter.to_string()).width();
        if taken + wide > width {
            rows.push(std::mem::take(&mut row));
            taken = 0;
        }
        row.push(letter);
        taken += wide;
    }
    rows.push(row);
    rows
}

/// Talks in a window until somebody quits.
pub(crate) async fn run(talk: Talk) -> Result<()> {
    let terminal = ratatui::init();
    let pasting = execute!(std::io::stdout(), EnableBracketedPaste);
    let outcome = show(talk, terminal).await;
    let _ = execute!(std::io::stdout(), DisableBracketedPaste);
    ratatui::restore();
    pasting?;
    outcome
}

async fn show(mut talk: Talk, mut terminal: DefaultTerminal) -> Result<()> {
    let mut window = Window::new(talk.room.title());
    for heard in talk.beginning().await? {
        window.hear(heard);
    }
    let (tell, mut keys) = mpsc::channel(MAX_WAITING);
    // Ends with the process.
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if tell.blocking_send(event).is_err() {
                return;
            }
        }
    });
    loop {
        terminal.draw(|frame| window.draw(frame))?;
        tokio::select! {
            event = keys.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    let Some(line) = window.key(key) else {
                        continue;
                    };
                    match talk.room.enter(&line).await {
                        Ok(Answer::Nothing) => {}
                        Ok(Answer::Quit) => return Ok(()),
                        Ok(Answer::Copy(text)) => window.copy = Some(text),
                        Ok(Answer::Show(heard)) => window.hear(heard),
                        Err(error) => {
                            let text = peerage::harmless(&error.to_string());
                            window.hear(Heard::Remark(text));
                        }
                    }
                }
                Some(Event::Paste(text)) => window.paste(&text),
                Some(_) => {}
                None => return Ok(()),
            },
            heard = talk.next() => match heard? {
                Some(heard) => window.hear(heard),
                None => return Ok(()),
            },
        }
    }
}
