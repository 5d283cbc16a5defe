//! `peerage direct pipe`: standard input and output, or TCP connections, through a direct connection.

use std::{
    io::IsTerminal,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, empty, stdin, stdout},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use super::{
    args::PipeArgs,
    client::{Client, GroupPath},
    direct::{of, opened},
    failure::Failure,
    output::Output,
    socket::{Joined, Socket},
};
use crate::{
    Error,
    api::segment,
    model::{ConnectionInfo, ConnectionMode, DirectTold, MemberDetail, OpenDirect},
};

/// Pipes that one forward keeps open at once; as many as a member may have. More wait.
const MAX_FORWARDED: usize = 16;
/// How long a TCP connection waits for its pipe while there are as many as there may be.
const TURN_PATIENCE: Duration = Duration::from_secs(20);
const TURN_PAUSE: Duration = Duration::from_millis(100);
/// The codes that say so: here, at the other side, and of an application.
const FULL: [&str; 3] = ["too_many_connections", "direct_busy", "quota_exceeded"];

pub(super) async fn run(client: &Client, args: PipeArgs, output: Output) -> Result<(), Failure> {
    check_sides(&args)?;
    for address in args.listen.iter().chain(&args.to) {
        check(address, args.any_address)?;
    }
    let group = client.group(&args.group).await?;
    match (&args.member, args.listen, args.to) {
        (Some(member), Some(listen), _) => {
            let request = request(member, &args);
            forward(client, &group, &request, listen, output).await
        }
        (Some(member), None, _) => {
            let connection = opened(client, &group, &request(member, &args)).await?;
            let socket = taken(client, &group, &connection).await?;
            standard(socket, args.no_input).await
        }
        (None, _, Some(to)) => accept_all(client, &group, args.from.as_deref(), to, output).await,
        (None, _, None) => {
            let socket = {
                // Nobody else is let in once there is one.
                let pipes = pipes(client, &group, args.from.as_deref()).await?;
                let mut pipes = std::pin::pin!(pipes);
                let connection = pipes.next().await.ok_or(Error::ShuttingDown)??;
                taken(client, &group, &connection).await?
            };
            standard(socket, args.no_input).await
        }
    }
}

fn request(member: &str, args: &PipeArgs) -> OpenDirect {
    OpenDirect {
        member: member.to_owned(),
        node: args.node.clone(),
        address: args.address.clone(),
        mode: ConnectionMode::Stream,
        wait: true,
    }
}

/// One side names a member, the other accepts; each has options of its own.
fn check_sides(args: &PipeArgs) -> Result<(), Failure> {
    let wrong = |reason: &str, next_step: &str| Err(Failure::usage(reason).advise(next_step));
    match &args.member {
        None if !args.accept => wrong(
            "a pipe has two sides, and neither is named",
            "name the member: peerage direct pipe MEMBER; or wait for one: peerage direct pipe --accept",
        ),
        Some(member) if args.accept => wrong(
            "a pipe is either opened to a member or accepted from one",
            &format!("to accept it from this member only: --accept --from {member}"),
        ),
        Some(_) if args.to.is_some() => wrong(
            "--to goes with --accept: the side that accepts decides where a pipe leads",
            "leave --to out; the member that accepts gives it",
        ),
        Some(_) if args.from.is_some() => wrong(
            "--from goes with --accept",
            "leave --from out, or accept in place of naming a member",
        ),
        _ => Ok(()),
    }
}

/// Nobody else on the network shall be let in, or got at, by a slip.
fn check(address: &SocketAddr, any: bool) -> Result<(), Failure> {
    let loopback = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if loopback || any {
        return Ok(());
    }
    let reason = format!("{address} is not on this machine alone");
    Err(Failure::from(Error::invalid("address", reason))
        .advise("if it is meant, add --any-address"))
}

async fn taken(
    client: &Client,
    group: &GroupPath,
    connection: &ConnectionInfo,
) -> Result<Socket, Failure> {
    Socket::open(client, &of(group, &connection.id.to_string(), "/socket")).await
}

/// Joins a pipe with standard input and output.
async fn standard(socket: Socket, no_input: bool) -> Result<(), Failure> {
    let what = match std::io::stdin().is_terminal() {
        true => Joined::Terminal,
        false => Joined::Standard,
    };
    let input: Box<dyn AsyncRead + Send + Unpin> = match no_input {
        true => Box::new(empty()),
        false => Box::new(stdin()),
    };
    socket.join(input, stdout(), what).await
}

/// The pipes that members open, of one member alone if it is named. The others are closed.
async fn pipes(
    client: &Client,
    group: &GroupPath,
    from: Option<&str>,
) -> Result<impl Stream<Item = Result<ConnectionInfo, Failure>>, Failure> {
    let from = match from {
        Some(name) => {
            let path = group.below(&format!("/members/{}", segment(name)));
            let member: MemberDetail = client.get(&path).await?;
            Some(member.member.name)
        }
        None => None,
    };
    let path = group.asking("/direct/listen", "connections=false&pipes=true&data=none");
    let told = client.lines::<DirectTold>(&path).await?;
    Ok(told.filter_map(move |told| {
        let from = from.clone();
        async move {
            match told {
                Ok(DirectTold::Connected { connection })
                    if connection.incoming && connection.mode == ConnectionMode::Stream =>
                {
                    if from.is_none_or(|from| from == connection.member) {
                        return Some(Ok(connection));
                    }
                    // A failure is that it is gone already.
                    let id = connection.id.to_string();
                    let _ = client.delete(&of(group, &id, "")).await;
                    None
                }
                Ok(_) => None,
                Err(failure) => Some(Err(failure)),
            }
        }
    }))
}

#[derive(Serialize)]
struct Listening {
    listening: SocketAddr,
}

/// Listens for TCP connections and opens a pipe for each, until interrupted.
async fn forward(
    client: &Client,
    group: &GroupPath,
    request: &OpenDirect,
    listen: SocketAddr,
    output: Output,
) -> Result<(), Failure> {
    let unable = |error: std::io::Error| Error::UnableToListen {
        address: listen.to_string(),
        reason: error.to_string(),
    };
    let listener = TcpListener::bind(listen).await.map_err(unable)?;
    let listening = listener.local_addr().map_err(unable)?;
    output.line(&Listening { listening }, |told| {
        format!("listening on {}", told.listening)
    })?;
    let places = Arc::new(Semaphore::new(MAX_FORWARDED));
    let mut forwarding = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        while forwarding.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // A connection that broke before it was accepted, or no more files: others may come.
            tokio::time::sleep(TURN_PAUSE).await;
            continue;
        };
        let (client, group, request) = (client.clone(), group.clone(), request.clone());
        forwarding.spawn(async move {
            let _place = place;
            let forwarded = async {
                let connection = opened_in_turn(&client, &group, &request).await?;
                let socket = taken(&client, &group, &connection).await?;
                tcp(socket, stream).await
            };
            complain(forwarded.await, output);
        });
    }
}

/// Opens a pipe; while other connections with the member take all there may be, it waits.
async fn opened_in_turn(
    client: &Client,
    group: &GroupPath,
    request: &OpenDirect,
) -> Result<ConnectionInfo, Failure> {
    let until = Instant::now() + TURN_PATIENCE;
    loop {
        match opened(client, group, request).await {
            Err(failure) if FULL.contains(&failure.code()) && Instant::now() < until => {
                tokio::time::sleep(TURN_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Connects every pipe that comes to a TCP server, until interrupted.
async fn accept_all(
    client: &Client,
    group: &GroupPath,
    from: Option<&str>,
    to: SocketAddr,
    output: Output,
) -> Result<(), Failure> {
    let pipes = pipes(client, group, from).await?;
    let mut pipes = std::pin::pin!(pipes);
    let mut forwarding = JoinSet::new();
    while let Some(connection) = pipes.next().await {
        let connection = connection?;
        while forwarding.try_join_next().is_some() {}
        let (client, group) = (client.clone(), group.clone());
        forwarding.spawn(async move {
            let forwarded = async {
                // Taken first: when nobody is at the other end, the pipe is cut.
                let socket = taken(&client, &group, &connection).await?;
                let stream = TcpStream::connect(to).await.map_err(|error| {
                    Failure::from(Error::invalid("to", format!("{to}: {error}")))
                })?;
                tcp(socket, stream).await
            };
            complain(forwarded.await, output);
        });
    }
    Err(Error::ShuttingDown.into())
}

async fn tcp(socket: Socket, mut stream: TcpStream) -> Result<(), Failure> {
    // What is typed on one side is to be seen on the other at once.
    let _ = stream.set_nodelay(true);
    let (reading, writing) = stream.split();
    socket.join(reading, writing, Joined::Tcp).await
}

/// One connection that fails is no reason to stop.
fn complain(done: Result<(), Failure>, output: Output) {
    if let Err(failure) = done {
        let _ = output.failure(&failure);
    }
}
