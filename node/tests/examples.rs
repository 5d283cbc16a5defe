//! The examples, each run as its user runs it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

#[allow(dead_code, reason = "the test does what its main would")]
#[path = "../examples/chat/main.rs"]
mod chat;
#[allow(dead_code, reason = "the test does what its main would")]
#[path = "../examples/embed.rs"]
mod embed;
#[allow(dead_code, reason = "the test does what its main would")]
#[path = "../examples/embed_axum.rs"]
mod embed_axum;
#[allow(dead_code, reason = "the test does what its main would")]
#[path = "../examples/group_manager/main.rs"]
mod group_manager;

#[path = "examples/board.rs"]
mod board;
#[path = "examples/manager.rs"]
mod manager;
#[path = "examples/talking.rs"]
mod talking;

use ratatui::{Terminal, backend::TestBackend};

/// What is on a screen, row by row.
fn screen(terminal: &Terminal<TestBackend>) -> String {
    let buffer = terminal.backend().buffer();
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width);
    rows.map(|row| {
        let row: String = row.iter().map(|cell| cell.symbol()).collect();
        row.trim_end().to_owned() + "\n"
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_embedded_nodes_meet() {
    let folder = tempfile::tempdir().unwrap();
    embed::meet(folder.path()).await.unwrap();
}
