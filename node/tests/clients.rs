//! The clients in other languages under `docs/clients`: their generated halves are what the API's
//! description leads to, and both do their work against a real daemon.
//!
//! Run with `PEERAGE_UPDATE_DOCS=1` to write the generated files anew. The tests that run a client need
//! `node` with what `npm ci` installs, or a `python3` with httpx and mypy. Where those are missing the tests say
//! so and pass; `PEERAGE_REQUIRE_CLIENTS=1` makes that a failure. `PEERAGE_PYTHON` names another Python.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "clients/api.rs"]
mod api;
#[path = "clients/python.rs"]
mod python;
#[path = "clients/typescript.rs"]
mod typescript;

use std::{
    ffi::OsString,
    fs,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use api::Api;

/// By then a client's tests have ended, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients")
}

fn described() -> Api {
    Api::read(&serde_json::to_value(peerage::api::openapi()).unwrap())
}

/// Compares a generated file, or writes it.
fn check(file: &str, wanted: &str) {
    let path = clients().join(file);
    if std::env::var_os("PEERAGE_UPDATE_DOCS").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/clients/{file} is not what the API is: run PEERAGE_UPDATE_DOCS=1 cargo test --test clients"
    );
}

#[test]
fn the_python_client_has_every_operation_and_model() {
    let api = described();
    check("python/peerage/models.py", &python::models(&api));
    check("python/peerage/operations.py", &python::operations(&api));
    uses_every_stream(&api, "python/peerage/client.py");
}

#[test]
fn the_typescript_client_has_every_operation_and_model() {
    let api = described();
    check("typescript/src/operations.js", &typescript::code(&api));
    check(
        "typescript/src/operations.d.ts",
        &typescript::declarations(&api),
    );
    uses_every_stream(&api, "typescript/src/index.js");
}

/// What is no plain request is written by hand, and must not be forgotten.
fn uses_every_stream(api: &Api, file: &str) {
    let text = fs::read_to_string(clients().join(file)).unwrap();
    for operation in api.operations.iter().filter(|one| !one.is_plain()) {
        let id = format!("\"{}\"", operation.id);
        assert!(text.contains(&id), "docs/clients/{file} does not use {id}");
    }
}

#[test]
fn the_python_client_does_its_work_against_a_real_daemon() {
    let python = std::env::var_os("PEERAGE_PYTHON").unwrap_or_else(|| "python3".into());
    let folder = clients().join("python");
    let there = quietly(Command::new(&python).args([
        "-c",
        "import httpx, sys; sys.exit(sys.version_info < (3, 11))",
    ]));
    if !there {
        return skipped("python3 of at least 3.11 with httpx");
    }
    runs(command(&python, &folder).args(["-m", "unittest", "discover", "-v", "-s", "tests"]));
    if !quietly(Command::new(&python).args(["-m", "mypy", "--version"])) {
        return skipped("mypy");
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mypy");
    runs(
        command(&python, &folder)
            .args(["-m", "mypy", "--cache-dir"])
            .arg(cache),
    );
}

#[test]
fn the_typescript_client_does_its_work_against_a_real_daemon() {
    let folder = clients().join("typescript");
    let node = OsString::from("node");
    let version = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";
    if !quietly(Command::new(&node).args(["-e", version])) {
        return skipped("node of at least version 20");
    }
    if !folder.join("node_modules/ws").exists() {
        return skipped("the packages of docs/clients/typescript: npm ci");
    }
    runs(command(&node, &folder).args(["--test", "--test-reporter", "spec", "test/"]));
    let compiler = folder.join("node_modules/typescript/bin/tsc");
    runs(
        command(&node, &folder)
            .arg(compiler)
            .args(["--noEmit", "-p", "."]),
    );
}

/// A program in a client's folder that starts daemons of ours.
fn command(program: &OsString, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("PEERAGE_BIN", env!("CARGO_BIN_EXE_peerage"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn quietly(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a command, whose children end with it, for as long as any of these may take.
fn runs(command: &mut Command) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn().unwrap();
    let said = [
        read(child.stdout.take().unwrap()),
        read(child.stderr.take().unwrap()),
    ];
    let until = Instant::now() + DEADLINE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() < until => thread::sleep(Duration::from_millis(50)),
            None => {
                let all = format!("-{}", child.id());
                let _ = Command::new("kill").args(["-KILL", "--", &all]).status();
                let _ = child.wait();
                break None;
            }
        }
    };
    let said = said.map(|said| said.join().unwrap()).concat();
    assert!(
        status.is_some_and(|status| status.success()),
        "{command:?}: {status:?}\n{said}"
    );
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = from.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Said where it is seen whatever the test runner captures.
#[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skipped(missing: &str) {
    assert!(
        std::env::var_os("PEERAGE_REQUIRE_CLIENTS").is_none(),
        "needed and not there: {missing}"
    );
    let line = format!("SKIPPED, not there: {missing}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}
