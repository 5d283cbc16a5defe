use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

/// Every command below `command`, with the words that lead there.
fn commands(command: &clap::Command, words: &str) -> Vec<(String, clap::Command)> {
    let mut found = Vec::new();
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name());
        if below.has_subcommands() {
            found.extend(commands(below, &words));
        } else {
            found.push((words, below.clone()));
        }
    }
    found
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn the_commands_are_these() {
    let words: Vec<String> = commands(&Cli::command(), "peerage")
        .into_iter()
        .map(|(words, _)| words)
        .collect();
    let expected = "\
peerage up
peerage down
peerage status
peerage doctor
peerage id new
peerage id ls
peerage id show
peerage id card
peerage id rename
peerage id export
peerage id import
peerage id rm
peerage group create
peerage group ls
peerage group show
peerage group set
peerage group open
peerage group connect
peerage group ping
peerage group close
peerage group door open
peerage group door close
peerage group door show
peerage group address
peerage group join
peerage group delete
peerage group leave
peerage group key export
peerage group key import
peerage group key issue-admin
peerage group export
peerage group import
peerage group db export
peerage group db import
peerage group settle
peerage graph show
peerage invite create
peerage invite ls
peerage invite show
peerage invite revoke
peerage invite reissue
peerage join
peerage requests ls
peerage requests accept
peerage requests deny
peerage member ls
peerage member show
peerage member tree
peerage member rm
peerage member role
peerage member renew
peerage member nodes
peerage member attributes
peerage member presence
peerage audit verify
peerage app register
peerage app attach
peerage app ls
peerage app show
peerage app token
peerage app revoke
peerage record put
peerage record get
peerage record ls
peerage record update
peerage record rm
peerage record watch
peerage direct open
peerage direct send
peerage direct recv
peerage direct ls
peerage direct close
peerage direct pipe
peerage events tail
peerage events consumers ls
peerage events consumers rm
peerage backup create
peerage backup verify
peerage backup restore
peerage explain
peerage completions";
    assert_eq!(words.join("\n"), expected);
}

#[test]
fn every_command_has_help_with_an_example_that_it_takes() {
    for (words, command) in commands(&Cli::command(), "peerage") {
        assert!(command.get_about().is_some(), "{words} says nothing");
        let help = command
            .get_after_help()
            .unwrap_or_else(|| panic!("{words} has no example"))
            .to_string();
        let examples: Vec<&str> = help
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .collect();
        assert!(!examples.is_empty(), "{words} has no example");
        for example in examples {
            let line = example.split([';', '<', '>', '|']).next().unwrap();
            let arguments = shell_words(line);
            Cli::try_parse_from(&arguments).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{words}: {} says nothing",
                argument.get_id()
            );
        }
    }
}

/// Splits at blanks outside single quotes, as a shell does.
fn shell_words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[test]
fn options_for_all_commands_go_anywhere() {
    for line in [
        "peerage --json --data-dir /d status",
        "peerage status --json --data-dir /d",
    ] {
        let cli = parse(line).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.data_dir, Some("/d".into()));
    }
}

#[test]
fn addresses_may_be_repeated() {
    let cli = parse(
        "peerage up --listen /ip4/127.0.0.1/udp/0/quic-v1 --listen /ip6/::1/udp/0/quic-v1 --bootstrap /ip4/10.0.0.1/udp/1/quic-v1",
    )
    .unwrap();
    let Command::Up(up) = cli.command else {
        panic!("not up");
    };
    assert_eq!((up.listen.len(), up.bootstrap.len()), (2, 1));
}

#[test]
fn attributes_lifetimes_and_roles_are_read() {
    let cli =
        parse("peerage record put --type note --payload x --attr a=b --attr n:int=5 --expires 7d")
            .unwrap();
    let Command::Record(RecordCommand::Put {
        attributes,
        expires,
        ..
    }) = cli.command
    else {
        panic!("not put");
    };
    assert_eq!((attributes.len(), expires.0.as_str()), (2, "7d"));
    let cli = parse("peerage invite create --card - --role inviting-member").unwrap();
    let Command::Invite(InviteCommand::Create { role, .. }) = cli.command else {
        panic!("not create");
    };
    assert_eq!(role.as_str(), "inviting-member");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        "peerage",
        "peerage id",
        "peerage record put --payload x",
        "peerage record put --type note --payload x --file y",
        "peerage record put --type note --expires soon",
        "peerage record put --type note --attr size:int=big",
        "peerage invite create",
        "peerage invite create --card x --role king",
        "peerage up --listen nowhere",
        "peerage up --passphrase secret",
        "peerage events tail --after -1",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn no_option_takes_a_passphrase_itself() {
    for (words, command) in commands(&Cli::command(), "peerage") {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            assert!(
                !name.contains("passphrase") || name == "passphrase_file",
                "{words} --{name}"
            );
        }
    }
}
