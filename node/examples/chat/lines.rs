//! The chat as plain lines, for scripts and simple terminals.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    Result,
    talk::{Answer, HELP, Heard, Talk},
};

/// Talks until the input ends or says `/quit`.
pub(crate) async fn run(
    mut talk: Talk,
    input: impl AsyncBufRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<()> {
    let mut lines = input.lines();
    show(&mut output, &format!("— {}: {HELP} —", talk.room.title())).await?;
    for heard in talk.beginning().await? {
        show(&mut output, &text(&heard)).await?;
    }
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else {
                    return Ok(());
                };
                match talk.room.enter(&line).await {
                    Ok(Answer::Nothing) => {}
                    Ok(Answer::Quit) => return Ok(()),
                    Ok(Answer::Copy(text)) => show(&mut output, &text).await?,
                    Ok(Answer::Show(heard)) => show(&mut output, &text(&heard)).await?,
                    Err(error) => {
                        let error = peerage::harmless(&error.to_string());
                        show(&mut output, &format!("— {error}")).await?;
                    }
                }
            }
            heard = talk.next() => match heard? {
                Some(heard) => show(&mut output, &text(&heard)).await?,
                None => return Ok(()),
            },
        }
    }
}

async fn show(output: &mut (impl AsyncWrite + Unpin), line: &str) -> Result<()> {
    output.write_all(format!("{line}\n").as_bytes()).await?;
    Ok(output.flush().await?)
}

pub(crate) fn text(heard: &Heard) -> String {
    match heard {
        Heard::Line { who, text } => format!("{who}: {text}"),
        Heard::Alone { who, text } => format!("{who} (to you alone): {text}"),
        Heard::Whispered { to, text } => format!("(to {to} alone): {text}"),
        Heard::Mood(mood) => format!("— {mood}"),
        Heard::Present(names) => format!("— present: {}", names.join(", ")),
        Heard::Remark(text) => format!("— {text}"),
    }
}
