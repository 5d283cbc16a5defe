//! `peerage up`: load, start, serve, wait, shut down.

use std::{io::IsTerminal, net::SocketAddr, path::Path, time::Duration};

use serde::Serialize;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{
    args::{Global, LogFormatArg, UpArgs},
    failure::Failure,
    input,
    output::Output,
    settings,
    status::listening,
};
use crate::{
    Error, Node, Settings,
    api::Server,
    doctor::environment::{KEY_LOG, refuse_key_log},
    settings::{Layer, LogFormat, LogLayer, LogSettings},
};

/// A node that has not shut down by then is left to the crash safety of its store.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(15);

/// Requests under way when the node is told to stop have this long; then they are cut off.
const SERVING_DEADLINE: Duration = Duration::from_secs(5);

type Serving = JoinHandle<Result<(), Error>>;

pub(super) async fn up(global: &Global, args: UpArgs, output: Output) -> Result<(), Failure> {
    refuse_key_log(std::env::var_os(KEY_LOG))?;
    let settings = settings(global, layer(args))?;
    log_to_stderr(&settings.log)?;
    let socket = settings.socket_path();
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let node = start(settings, output).await?;
    let ended = match Server::bind(node.clone(), &socket, stop.clone()) {
        Ok(server) => {
            let loopback = server.loopback();
            let mut serving = tokio::spawn(server.run());
            let ended = match announce(&node, &socket, loopback, output).await {
                Ok(()) => wait(&node, &mut signals, &stop, &mut serving).await,
                Err(failure) => Err(failure),
            };
            tracing::info!("shutting down");
            stop.cancel();
            let cut_off = serving.abort_handle();
            tokio::select! {
                () = finish(serving) => {}
                // Somebody is in a hurry; the node shuts down all the same.
                () = signals.next() => cut_off.abort(),
            }
            ended
        }
        Err(error) => Err(error.into()),
    };
    let shut_down = tokio::time::timeout(SHUTDOWN_DEADLINE, node.shutdown());
    let shut_down = tokio::select! {
        shut_down = shut_down => shut_down,
        () = signals.next() => {
            tracing::warn!("told again to stop");
            return Ok(());
        }
    };
    match shut_down {
        // Why the node stopped says more than that it stopped.
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(())) => ended,
        Err(_) => {
            tracing::warn!("not shut down in time");
            let seconds = SHUTDOWN_DEADLINE.as_secs();
            ended.and(Err(Error::TimedOut { seconds }.into()))
        }
    }
}

/// Tells whoever started us that the node is up.
async fn announce(
    node: &Node,
    socket: &Path,
    loopback: Option<SocketAddr>,
    output: Output,
) -> Result<(), Failure> {
    let status = node.status().await?;
    let ready = Ready {
        peer_id: status.peer_id,
        listen: status.listen,
        socket: socket.display().to_string(),
        api_listen: loopback.map(|address| address.to_string()),
        pid: std::process::id(),
    };
    output.line(&ready, |ready| {
        format!(
            "peerage is up: peer {} on {}; API {}{}",
            ready.peer_id,
            listening(&ready.listen).replace('\n', ", "),
            ready.socket,
            ready
                .api_listen
                .as_ref()
                .map(|address| format!(", http://{address}"))
                .unwrap_or_default(),
        )
    })
}

/// Waits until there is a reason to end; an error when nobody asked for it.
async fn wait(
    node: &Node,
    signals: &mut Signals,
    stop: &CancellationToken,
    serving: &mut Serving,
) -> Result<(), Failure> {
    tokio::select! {
        // The API ends when it is told to, which is no failure.
        biased;
        () = stop.cancelled() => Ok(()),
        () = signals.next() => Ok(()),
        () = node.stopped() => Err(Error::Internal("the node has stopped by itself".into()).into()),
        served = serving => {
            let reason = match served {
                Ok(Ok(())) => "it ended".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            Err(Error::Internal(format!("the API failed: {reason}")).into())
        }
    }
}

/// Lets the API finish what was begun, within a time: a client that stalls must not keep the node
/// from shutting down.
async fn finish(mut serving: Serving) {
    if serving.is_finished() {
        return;
    }
    match tokio::time::timeout(SERVING_DEADLINE, &mut serving).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "the API did not end well"),
        Ok(Err(error)) => tracing::warn!(%error, "the API did not end well"),
        Err(_) => {
            tracing::warn!("requests under way were cut off");
            serving.abort();
            // The socket goes with it.
            let _ = serving.await;
        }
    }
}

/// Starts the node; asks for a passphrase where one is needed and somebody can be asked.
async fn start(settings: Settings, output: Output) -> Result<Node, Failure> {
    match Node::builder(settings.clone()).start().await {
        Err(Error::PassphraseNeeded { .. })
            if output == Output::Text && std::io::stdin().is_terminal() =>
        {
            let passphrase = input::prompt(
                "Passphrase of the identities: ",
                "give it with --passphrase-file FILE, or in PEERAGE_PASSPHRASE",
            )?;
            Ok(Node::builder(settings)
                .passphrase(passphrase)
                .start()
                .await?)
        }
        started => Ok(started?),
    }
}

/// What `up` says once it is ready.
#[derive(Debug, Serialize)]
struct Ready {
    peer_id: String,
    listen: Vec<String>,
    socket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_listen: Option<String>,
    pid: u32,
}

fn layer(args: UpArgs) -> Layer {
    let given = |list: Vec<_>| (!list.is_empty()).then_some(list);
    Layer {
        listen: given(args.listen),
        bootstrap: given(args.bootstrap),
        external: given(args.external),
        api_listen: args.api_listen,
        passphrase_file: args.passphrase_file,
        log: LogLayer {
            level: args.log,
            format: args.log_format.map(|format| match format {
                LogFormatArg::Text => LogFormat::Text,
                LogFormatArg::Json => LogFormat::Json,
            }),
        },
        ..Layer::default()
    }
}

fn log_to_stderr(log: &LogSettings) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| Error::InvalidSetting {
        field: "log.level".to_owned(),
        reason: error.to_string(),
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    set.map_err(|error| Error::Internal(error.to_string()))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::Internal(format!("no signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
