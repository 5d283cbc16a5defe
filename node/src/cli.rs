//! The `peerage` command: the daemon, and everything people do with it.

use std::{
    env::VarError,
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use zeroize::Zeroizing;

use clap::{CommandFactory, Parser, error::ErrorKind as ClapErrorKind};

use crate::{Error, Settings, error::catalogue, settings::Layer};

mod app;
pub mod args;
mod backup;
mod client;
mod direct;
mod doctor;
mod door;
mod events;
mod explain;
mod failure;
mod graph;
mod group;
mod group_key;
mod id;
mod input;
mod invite;
mod member;
mod output;
mod pipe;
mod portable;
mod presence;
mod qr;
mod record;
mod socket;
mod standing;
mod status;
mod up;
pub mod values;

use self::{
    args::{Cli, Command, Global, GroupCommand, GroupKeyCommand, IdCommand},
    client::Client,
    failure::Failure,
    output::Output,
};

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output::new(cli.global.json);
    let folder = cli.global.data_dir.clone();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::Internal(format!("no runtime: {error}"));
            return output.failure(&Failure::from(error));
        }
    };
    let done = runtime.block_on(run(cli, output));
    // A prompt or a signal may hold a thread; nothing that matters does.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        // Programs are told what the daemon says, word for word.
        Err(failure) if output == Output::Json => output.failure(&failure),
        Err(failure) => output.failure(&failure.in_folder(folder.as_deref())),
    }
}

async fn run(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    let Cli { global, command } = cli;
    if let Command::Doctor(args) = &command {
        // What it finds is no failure of its own.
        return doctor::doctor(&global, args, output).await;
    }
    let of_export = has_passphrase(&command);
    match carry_out(global.clone(), command, output).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) if of_export => Err(advised(&global, input::of_export(failure)).await),
        Err(failure) => Err(advised(&global, failure).await),
    }
}

/// Whether it reads or writes a file that has a passphrase of its own.
fn has_passphrase(command: &Command) -> bool {
    matches!(
        command,
        Command::Backup(_)
            | Command::Id(IdCommand::Export { .. } | IdCommand::Import { .. })
            | Command::Group(
                GroupCommand::Export(_)
                    | GroupCommand::Import(_)
                    | GroupCommand::Key(
                        GroupKeyCommand::Export { .. } | GroupKeyCommand::Import { .. }
                    )
            )
    )
}

/// With what only a look at the node can say.
async fn advised(global: &Global, failure: Failure) -> Failure {
    match client(global) {
        Ok(client) => client.told_apart(failure).await,
        Err(_) => failure,
    }
}

async fn carry_out(global: Global, command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Up(args) => up::up(&global, args, output).await,
        Command::Down => status::down(&client(&global)?, output).await,
        Command::Status(args) => status::status(&client(&global)?, &args, output).await,
        Command::Doctor(_) => Ok(()),
        Command::Graph(command) => graph::run(&client(&global)?, command, output).await,
        Command::Id(command) => id::run(&client(&global)?, command, output).await,
        Command::Group(command) => group::run(&client(&global)?, command, output).await,
        Command::Requests(command) => door::requests(&client(&global)?, command, output).await,
        Command::Invite(args::InviteCommand::Show { invitation, forms })
            if !invite::is_id(&invitation) =>
        {
            invite::show(&invitation, forms, output)
        }
        Command::Invite(command) => invite::run(&client(&global)?, command, output).await,
        Command::Join(args) => invite::join(&client(&global)?, args, output).await,
        Command::Member(command) => member::run(&client(&global)?, command, output).await,
        Command::Audit(args) => match args.command {
            Some(command) => standing::verify(&command, output),
            None => standing::audit(&client(&global)?, args, output).await,
        },
        Command::App(command) => app::run(&client(&global)?, command, output).await,
        Command::Record(command) => record::run(&client(&global)?, command, output).await,
        Command::Direct(command) => direct::run(&client(&global)?, command, output).await,
        Command::Events(command) => events::run(&client(&global)?, command, output).await,
        Command::Backup(command) => {
            let data_dir = settings(&global, Layer::default())?.data_dir;
            backup::run(data_dir, &client(&global)?, command, output).await
        }
        Command::Explain(args) => explain::explain(&args, output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "peerage", &mut script);
            output.bytes(&script)
        }
    }
}

/// The daemon this command line talks to.
fn client(global: &Global) -> Result<Client, Failure> {
    client_on(settings(global, Layer::default())?.socket_path())
}

fn client_on(socket: PathBuf) -> Result<Client, Failure> {
    let token = token(std::env::var("PEERAGE_TOKEN").map(Zeroizing::new))?;
    Client::new(socket, token.as_ref().map(|token| token.as_str()))
}

/// The token that makes us an application. One that is empty is a slip, which must not make us the
/// operator.
fn token(set: Result<Zeroizing<String>, VarError>) -> Result<Option<Zeroizing<String>>, Failure> {
    match set {
        Ok(token) if token.trim().is_empty() => Err(Failure::from(Error::invalid(
            "PEERAGE_TOKEN",
            "is set and empty",
        ))
        .advise("put the token of the application in it, or unset it to act as the operator")),
        Ok(token) => Ok(Some(token)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(Error::invalid("PEERAGE_TOKEN", "is not a token").into())
        }
    }
}

fn settings(global: &Global, mut flags: Layer) -> Result<Settings, Error> {
    flags.data_dir.clone_from(&global.data_dir);
    flags.socket.clone_from(&global.socket);
    Settings::load(global.config.as_deref(), flags, &|name| {
        std::env::var_os(name)
    })
}

/// A command line that cannot be read, or a question for help.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion
    );
    if !asked && std::env::args_os().any(|argument| argument == "--json") {
        let reason = error.render().to_string();
        let reason = reason.trim().trim_start_matches("error: ");
        return Output::new(true).failure(&Failure::usage(reason));
    }
    let text = error.render();
    // Nothing can be done when even this cannot be written.
    let _ = if asked {
        let mut stdout = std::io::stdout();
        if stdout.is_terminal() {
            write!(stdout, "{}", text.ansi())
        } else {
            write!(stdout, "{text}")
        }
    } else {
        let mut stderr = std::io::stderr();
        if stderr.is_terminal() {
            write!(stderr, "{}", text.ansi())
        } else {
            write!(stderr, "{text}")
        }
        .and_then(|()| writeln!(stderr, "\ncode:  {}", catalogue::USAGE.code))
    };
    if asked {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(crate::ErrorKind::FixInput.exit_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_makes_nobody_the_operator() {
        assert!(token(Err(VarError::NotPresent)).unwrap().is_none());
        let given = token(Ok(Zeroizing::new("abc".to_owned()))).unwrap();
        assert_eq!(given.unwrap().as_str(), "abc");
        for empty in ["", " ", "\n"] {
            let refused = token(Ok(Zeroizing::new(empty.to_owned()))).unwrap_err();
            assert_eq!(refused.0.code, "invalid_input");
            assert!(refused.0.detail.contains("PEERAGE_TOKEN"), "{refused:?}");
        }
        assert!(token(Err(VarError::NotUnicode("\u{e4}".into()))).is_err());
    }
}
