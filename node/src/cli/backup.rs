//! `peerage backup …`

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use peerage_records::time::Timestamp;

use super::{
    args::BackupCommand,
    client::Client,
    failure::Failure,
    input::{self, Ask},
    output::{Output, fields, harmless, short_time, table},
    portable::{Exported, must_be_new},
};
use crate::{
    Error,
    backup::{self, Manifest, RestoreOptions},
    clock::Clock,
    model::ExportRequest,
    portable::whole_file_of,
};

pub(super) async fn run(
    data_dir: PathBuf,
    client: &Client,
    command: BackupCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        BackupCommand::Create {
            out,
            passphrase_file,
        } => create(client, &out, passphrase_file.as_deref(), output).await,
        BackupCommand::Verify {
            file,
            passphrase_file,
        } => {
            must_exist(&file)?;
            let passphrase = input::passphrase(passphrase_file.as_deref(), Ask::Once)?;
            let bar = bar(output);
            let verified = waiting(move || {
                backup::verify(&file, &passphrase, &mut |done, total| {
                    show(&bar, done, Some(total))
                })
            })
            .await?;
            output.show(&verified, |verified| {
                format!(
                    "{}\n\nthe backup is whole, and all {} records in it verify",
                    contents(&verified.manifest),
                    verified.records
                )
            })
        }
        BackupCommand::Restore {
            file,
            force,
            new_node_key,
            passphrase_file,
        } => {
            must_exist(&file)?;
            let passphrase = input::passphrase(passphrase_file.as_deref(), Ask::Once)?;
            let options = RestoreOptions {
                force,
                new_node_key,
            };
            let now: Timestamp = Clock::system().timestamp();
            let bar = bar(output);
            let restored = waiting(move || {
                let mut progress = |done, total| show(&bar, done, Some(total));
                backup::restore(&file, &passphrase, &data_dir, options, now, &mut progress)
            })
            .await?;
            output.show(&restored, |restored| {
                let aside = restored.put_aside.as_ref().map_or_else(String::new, |path| {
                    format!("\nthe earlier folder is now {}", path.display())
                });
                let tokens = void_tokens(&restored.applications);
                let key = kept_key(&restored.manifest.node, new_node_key);
                format!(
                    "{}\n\nrestored to {}{aside}{tokens}{key}\nstart it with: peerage --data-dir {} up\nits groups change nothing that is there before they have met another member",
                    contents(&restored.manifest),
                    restored.data_dir.display(),
                    restored.data_dir.display(),
                )
            })
        }
    }
}

/// That the node of this key must not run twice, if the key was kept.
fn kept_key(node: &str, new_node_key: bool) -> String {
    match new_node_key {
        true => String::new(),
        false => format!(
            "\nit has the key of the node it was made of ({}): that node must not run any more; if it does, restore with --new-node-key",
            harmless(node)
        ),
    }
}

/// That the applications need new tokens, if there are any.
fn void_tokens(applications: &[String]) -> String {
    if applications.is_empty() {
        return String::new();
    }
    let names: Vec<_> = applications.iter().map(|name| harmless(name)).collect();
    format!(
        "\nthe tokens of its applications are void: {}\ngive each a new one once it runs: peerage app token NAME",
        names.join(", ")
    )
}

async fn create(
    client: &Client,
    out: &Path,
    passphrase_file: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    must_be_new(out)?;
    let passphrase = input::new_passphrase(passphrase_file, output)?;
    let request = ExportRequest {
        passphrase: passphrase.as_str().to_owned(),
    };
    let bar = bar(output);
    whole_file_of(out, async |file| {
        client
            .download(
                hyper::Method::POST,
                "/v1/backup",
                Some(&request),
                file,
                |done, total| {
                    show(&bar, done, total);
                },
            )
            .await
    })
    .await?;
    bar.finish_and_clear();
    output.show(&Exported::to(out), |done| {
        format!(
            "written to {}; check it with: peerage backup verify {}\nkeep it and its passphrase apart, and away from this disk",
            done.exported, done.exported
        )
    })
}

/// Runs something that waits for the disk.
async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Error::Internal(error.to_string()))??)
}

fn must_exist(file: &Path) -> Result<(), Failure> {
    match std::fs::metadata(file) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::io(file, error).into()),
    }
}

/// How far it has come, on standard error where that is a terminal.
fn bar(output: Output) -> ProgressBar {
    let bar = match output {
        Output::Text => ProgressBar::no_length(),
        Output::Json => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, done: u64, total: Option<u64>) {
    if let Some(total) = total {
        // Encryption adds a little.
        bar.set_length(total.max(done));
    }
    bar.set_position(done);
}

fn contents(manifest: &Manifest) -> String {
    let identities = manifest
        .files
        .iter()
        .filter(|file| file.path.starts_with("identities/"))
        .count();
    let head = fields(&[
        ("made", short_time(&manifest.made)),
        ("node", manifest.node.clone()),
        ("version", manifest.software.clone()),
        ("identities", identities.to_string()),
        ("bytes", manifest.total_bytes().to_string()),
    ]);
    let groups = table(
        ["GROUP", "NAME", "AS", "RECORDS", "NEWEST EVENT"],
        manifest.groups.iter().map(|group| {
            [
                harmless(&group.friendly_name),
                group.group.clone(),
                group.identity.chars().take(8).collect(),
                group.records.to_string(),
                group.newest.to_string(),
            ]
        }),
        "no group",
    );
    format!("{head}\n\n{groups}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_the_key_of_a_node_is_told_not_to_run_it_twice() {
        assert_eq!(kept_key("12D3", true), "");
        let text = kept_key("12D3", false);
        assert!(
            text.contains("(12D3): that node must not run") && text.ends_with("--new-node-key"),
            "{text}"
        );
    }

    #[test]
    fn who_restores_applications_is_told_how_to_give_them_tokens() {
        assert_eq!(void_tokens(&[]), "");
        let text = void_tokens(&["board".to_owned(), "clock\u{1b}".to_owned()]);
        assert!(text.contains("void: board, clock\u{fffd}\n"), "{text}");
        assert!(text.ends_with("peerage app token NAME"), "{text}");
    }
}
