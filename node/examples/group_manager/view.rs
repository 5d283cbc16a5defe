//! The window, drawn.

use peerage::harmless;
use ratatui::{
    Frame,
    layout::{Constraint, Flex, Layout, Rect},
    style::{Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Cell, Clear, List, ListItem, ListState, Paragraph, Row, Table, Tabs, Wrap},
};

use super::app::{Action, App, Field, Notice, Popup, Tab};

pub(crate) fn draw(frame: &mut Frame, app: &App) {
    let [head, body, actions, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Length(2),
    ])
    .areas(frame.area());
    let at = Tab::ALL.iter().position(|tab| *tab == app.tab);
    frame.render_widget(Tabs::new(Tab::ALL.map(Tab::title)).select(at), head);
    match app.tab {
        Tab::Identities => identities(frame, body, app),
        Tab::Create => create(frame, body, app),
        Tab::Groups => groups(frame, body, app),
    }
    frame.render_widget(keys(&app.actions()), actions);
    frame.render_widget(notice(&app.notice), foot);
    if let Some((field, text)) = &app.typing {
        entry(frame, *field, text);
    }
    if let Some(popup) = &app.popup {
        over(frame, popup);
    }
}

fn identities(frame: &mut Frame, area: Rect, app: &App) {
    let rows = app.identities.iter().map(|row| {
        let groups = match row.groups {
            1 => "1 group".to_owned(),
            groups => format!("{groups} groups"),
        };
        ListItem::new(format!(
            "{}  {}  {groups}",
            harmless(&row.friendly_name),
            harmless(&row.peer_name)
        ))
    });
    list(frame, area, "Identities", rows, app.identity);
}

fn create(frame: &mut Frame, area: Rect, app: &App) {
    let creator = app
        .selected_identity()
        .map_or("(nobody: create an identity first)", |row| {
            row.friendly_name.as_str()
        });
    let rows = [
        ("Identity", creator),
        (Field::GroupName.label(), app.group_name.as_str()),
        (
            Field::GroupFriendlyName.label(),
            app.group_friendly_name.as_str(),
        ),
    ];
    grid(
        frame,
        area,
        "A new group",
        rows.map(|(label, value)| (label, value.to_owned())),
    );
}

fn groups(frame: &mut Frame, area: Rect, app: &App) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Percentage(60)]).areas(area);
    let rows = app.groups.iter().map(|row| {
        let mark = if row.open { "●" } else { "○" };
        ListItem::new(format!("{mark} {}", harmless(&row.friendly_name)))
    });
    let of = app.selected_identity().map_or_else(
        || "Groups".to_owned(),
        |row| format!("Groups of {}", harmless(&row.friendly_name)),
    );
    list(frame, left, &of, rows, app.group);
    let Some(group) = app.selected_group() else {
        frame.render_widget(Block::bordered().title("Properties"), right);
        return;
    };
    let state = if group.open { "open" } else { "closed" };
    let editable = [
        ("Friendly name", group.friendly_name.clone()),
        ("Comment", group.comment.clone()),
        ("State", state.to_owned()),
    ];
    grid(
        frame,
        right,
        "Properties",
        editable.into_iter().chain(group.fixed.iter().cloned()),
    );
}

fn list<'a>(
    frame: &mut Frame,
    area: Rect,
    title: &str,
    rows: impl Iterator<Item = ListItem<'a>>,
    selected: usize,
) {
    let list = List::new(rows)
        .block(Block::bordered().title(title.to_owned()))
        .highlight_symbol("> ")
        .highlight_style(Modifier::BOLD);
    let mut state = ListState::default().with_selected(Some(selected));
    frame.render_stateful_widget(list, area, &mut state);
}

fn grid(
    frame: &mut Frame,
    area: Rect,
    title: &str,
    rows: impl IntoIterator<Item = (&'static str, String)>,
) {
    let rows = rows
        .into_iter()
        .map(|(label, value)| Row::new([Cell::from(label.dim()), harmless(&value).into()]));
    let table = Table::new(rows, [Constraint::Max(30), Constraint::Fill(1)])
        .block(Block::bordered().title(title.to_owned()));
    frame.render_widget(table, area);
}

/// `[o] Open`, or ` o  Open` where it cannot be done.
fn keys(actions: &[Action]) -> Paragraph<'static> {
    let mut spans = Vec::new();
    for action in actions {
        let (text, style) = match action.enabled {
            true => (format!("[{}] {}  ", action.key, action.label), Style::new()),
            false => (
                format!(" {}  {}  ", action.key, action.label),
                Style::new().dim(),
            ),
        };
        spans.push(Span::styled(text, style));
    }
    spans.push(Span::raw("[Tab] next tab  [q] Quit"));
    Paragraph::new(Line::from(spans)).wrap(Wrap { trim: false })
}

fn notice(notice: &Notice) -> Paragraph<'static> {
    let text = match notice {
        Notice::Nothing => String::new(),
        Notice::Said(text) => harmless(text),
        Notice::Failed(failure) => {
            let mut text = format!("{}: {}", failure.code, harmless(&failure.message));
            if let Some(original) = failure.original {
                text.push_str(&format!(" ({original})"));
            }
            text.push_str(&format!(" → {}", failure.next_step));
            text
        }
    };
    let failed = matches!(notice, Notice::Failed(_));
    let style = if failed {
        Style::new().red()
    } else {
        Style::new()
    };
    Paragraph::new(text).style(style).wrap(Wrap { trim: true })
}

/// The end of a long text is what one is typing.
fn entry(frame: &mut Frame, field: Field, text: &str) {
    let area = middle(frame.area(), 3);
    let width = usize::from(area.width.saturating_sub(3));
    let text = harmless(text);
    let skipped = text.chars().count().saturating_sub(width);
    let seen: String = text.chars().skip(skipped).collect();
    let block =
        Block::bordered().title(format!("{} (Enter takes it, Esc leaves it)", field.label()));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(format!("{seen}▏")).block(block), area);
}

fn over(frame: &mut Frame, popup: &Popup) {
    let (title, text) = match popup {
        Popup::Text { title, text } => (format!("{title} (any key closes)"), text.clone()),
        Popup::Confirm { question, .. } => (
            "y deletes, any other key does not".to_owned(),
            harmless(question),
        ),
    };
    // In one piece, so that a terminal copies it without the frame's edges.
    let width = usize::from(frame.area().width.max(1));
    let lines = text.chars().count().div_ceil(width);
    let height = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2);
    let area = middle(frame.area(), height);
    let block = Block::new()
        .borders(ratatui::widgets::Borders::TOP | ratatui::widgets::Borders::BOTTOM)
        .title(title);
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(text).block(block).wrap(Wrap { trim: false }),
        area,
    );
}

fn middle(area: Rect, height: u16) -> Rect {
    let [area] = Layout::vertical([Constraint::Length(height)])
        .flex(Flex::Center)
        .areas(area);
    area
}
