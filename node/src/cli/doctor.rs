//! `peerage doctor`: what can be seen from here, and what the running node says.

use std::{path::Path, process::ExitCode};

use super::{
    args::{DoctorArgs, Global},
    failure::Failure,
    output::{Output, harmless, on_one_line},
};
use crate::{
    Error, ErrorKind, Settings,
    clock::Clock,
    doctor::{
        bootstrap, buffers, clock, disk, environment, files, folder, open_files, port, socket,
    },
    model::{Check, DoctorReport, Finding, Level},
    probe::DIAL_TIMEOUT,
    settings::Layer,
};

/// The exit code is that of the first problem.
pub(super) async fn doctor(
    global: &Global,
    args: &DoctorArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    let settings = match super::settings(global, Layer::default()) {
        Ok(settings) => {
            findings.push(Finding::ok(Check::Configuration, "is readable"));
            settings
        }
        Err(error) => {
            findings.push(misconfigured(&error));
            without_file(global)
        }
    };
    findings.push(environment::check(&|name| std::env::var_os(name)));
    let in_folder = folder::check(&settings.data_dir);
    let closed = in_folder.level == Level::Ok;
    findings.push(in_folder);
    let socket = settings.socket_path();
    let daemon = socket::check(&socket, &settings.data_dir);
    let runs = daemon.level == Level::Ok;
    findings.push(daemon);
    if runs {
        let client = super::client_on(socket)?;
        match client.get::<DoctorReport>("/v1/doctor").await {
            Ok(report) => add(&mut findings, report.findings),
            Err(failure) => findings.push(silent(&failure)),
        }
    } else {
        add(&mut findings, without_daemon(settings, closed).await);
    }
    let mut report = DoctorReport::new(findings);
    if args.strict {
        let troubled = report.troubles().next().is_some();
        report.healthy = !troubled;
    }
    output.show(&report, text)?;
    let first = report.troubles().next().filter(|_| !report.healthy);
    let kind = first.map(|found| found.kind.unwrap_or(ErrorKind::Internal));
    Ok(kind.map_or(ExitCode::SUCCESS, |kind| ExitCode::from(kind.exit_code())))
}

/// What a start would meet. `closed` is a folder that is ours alone: another one is left as it is.
async fn without_daemon(settings: Settings, closed: bool) -> Vec<Finding> {
    let dialled = bootstrap::check(&settings.bootstrap, DIAL_TIMEOUT).await;
    let looked = tokio::task::spawn_blocking(move || {
        let data = &settings.data_dir;
        let mut findings = port::check_free(&settings.listen);
        findings.push(disk::check(data, disk::LEAST, disk::COMFORTABLE));
        let now = Clock::system().timestamp();
        findings.push(clock::check(now, folder::newest(data), &[]));
        findings.push(buffers::check(Path::new("/proc"), &[]));
        findings.push(open_files::check());
        if closed {
            match settings.passphrase() {
                Ok(passphrase) => {
                    let secret = passphrase.as_ref().map(|text| text.as_str());
                    findings.extend(files::check(data, secret));
                }
                Err(error) => findings.push(misconfigured(&error)),
            }
        }
        findings
    })
    .await;
    let mut findings = looked.unwrap_or_else(|error| {
        let detail = format!("the examination failed: {error}");
        vec![Finding::problem(
            Check::Files,
            ErrorKind::Internal,
            detail,
            "please report this",
        )]
    });
    findings.extend(dialled);
    findings
}

/// What the daemon says about itself counts more than what holds for this shell; but where this shell
/// is in trouble, a start from here would be too.
fn add(findings: &mut Vec<Finding>, more: Vec<Finding>) {
    for found in more {
        if !findings.contains(&found) {
            findings.push(found);
        }
    }
}

/// A wrong configuration must not keep the rest from being looked at.
fn without_file(global: &Global) -> Settings {
    let flags = Layer {
        data_dir: global.data_dir.clone(),
        socket: global.socket.clone(),
        ..Layer::default()
    };
    let nowhere = Path::new("/dev/null");
    Settings::load(Some(nowhere), flags, &|name| match name {
        "HOME" | "XDG_DATA_HOME" | "PEERAGE_DATA_DIR" | "PEERAGE_SOCKET" => std::env::var_os(name),
        _ => None,
    })
    .unwrap_or_default()
}

fn misconfigured(error: &Error) -> Finding {
    Finding::problem(
        Check::Configuration,
        error.kind(),
        error.full_text(),
        error.next_step(),
    )
}

fn silent(failure: &Failure) -> Finding {
    let problem = &failure.0;
    Finding::problem(
        Check::Daemon,
        problem.kind,
        format!("the daemon does not tell how it is: {}", problem.detail),
        problem.next_step.clone(),
    )
}

fn text(report: &DoctorReport) -> String {
    let mut lines = Vec::new();
    for found in &report.findings {
        lines.extend(finding_lines(found));
    }
    let (warnings, problems) = counts(report);
    lines.push(String::new());
    lines.push(match (problems, warnings) {
        (0, 0) => "all is well".to_owned(),
        _ => format!("{problems} problem(s), {warnings} warning(s)"),
    });
    lines.join("\n")
}

/// One finding for people, with the next step below it.
pub(super) fn finding_lines(found: &Finding) -> Vec<String> {
    let mark = match found.level {
        Level::Ok => "ok      ",
        Level::Warning => "warning ",
        Level::Problem => "PROBLEM ",
    };
    let mut detail = found.detail.lines().map(harmless);
    let first = detail.next().unwrap_or_default();
    let mut lines = vec![format!("{mark}{}: {first}", found.check.as_str())];
    // Some point at a place in a file, on lines of their own.
    lines.extend(detail.map(|line| format!("        {line}")));
    if let Some(next) = &found.next_step {
        lines.push(format!("        next: {}", on_one_line(next)));
    }
    lines
}

fn counts(report: &DoctorReport) -> (usize, usize) {
    let of = |level| {
        let alike = report.findings.iter().filter(|found| found.level == level);
        alike.count()
    };
    (of(Level::Warning), of(Level::Problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_several_lines_is_shown_on_several() {
        let detail = "line 1\n  |\u{1b}\n".to_owned();
        let kind = ErrorKind::FixInput;
        let found = Finding::problem(Check::Configuration, kind, detail, "change it");
        assert_eq!(
            finding_lines(&found),
            [
                "PROBLEM configuration: line 1",
                "          |\u{fffd}",
                "        next: change it"
            ]
        );
    }
}
