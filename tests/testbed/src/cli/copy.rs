//! `copy`: a file goes from host A to host B by RDMA read and comes back by RDMA write.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::describe::{Traffic, describe_device, describe_driver, describe_link};
use super::report::{Closes, CopyReport, Details};
use super::run::RunArguments;
use super::source::{Source, SourceError};
use crate::consumers::copy::{Client, ClientReport, CopyError, Desk, Server, ServerReport};
use crate::consumers::ndk::Adapter;
use crate::ndis;
use crate::sim;
use crate::world::{World, WorldError};

/// What the progress bar shows.
#[allow(
    clippy::literal_string_with_formatting_args,
    reason = "the bar's own placeholders"
)]
const BAR: &str = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";

/// Arguments of `copy`.
#[derive(Clone, Debug, Default, Args)]
pub struct CopyArguments {
    /// The file to copy; without it a file of 64 MiB is generated.
    path: Option<PathBuf>,
    /// Seed, link, driver, output.
    #[command(flatten)]
    run: RunArguments,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The world.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Report(#[from] serde_json::Error),
}

/// Runs the command; true if the copy is what it must be.
///
/// # Errors
///
/// Why there is nothing to report.
pub fn copy(arguments: &CopyArguments) -> Result<bool, CommandError> {
    let source = match &arguments.path {
        Some(path) => Source::open(path)?,
        None => Source::generate(arguments.run.seed)?,
    };
    let report = run(arguments, &source)?;
    arguments.run.print(&report)?;
    Ok(report.is_good())
}

fn run(arguments: &CopyArguments, source: &Source) -> Result<CopyReport, CommandError> {
    let store = tempfile::tempfile().map_err(SourceError::Temporary)?;
    let config = arguments.run.config();

    let bar = progress_bar(arguments, source.length * 2);
    let started = Instant::now();
    let result = World::run(&config, |world| in_world(world, source, &store, &bar));
    bar.finish_and_clear();
    let wall_ns = started.elapsed().as_nanos() as u64;

    let mut report = match result {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => failed(error.to_string()),
        Err(WorldError::Failure(failure)) => {
            eprintln!("{failure}");
            failed(format!("{}: {}", failure.rule, failure.message))
        }
        Err(error) => return Err(error.into()),
    };
    report.seed = arguments.run.seed;
    report.wall_ns = wall_ns;
    report.details.link = describe_link(&config);
    Ok(report)
}

/// The report of a run that did not come to its end.
fn failed(what: String) -> CopyReport {
    let details = Details {
        violation: Some(what),
        ..Details::default()
    };
    CopyReport {
        violations: 1,
        details,
        ..CopyReport::default()
    }
}

fn progress_bar(arguments: &CopyArguments, bytes: u64) -> ProgressBar {
    let shown = io::stderr().is_terminal() && !arguments.run.json;
    let target = if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A place for a thread's result.
type Slot<T> = Rc<RefCell<Option<Result<T, CopyError>>>>;

fn taken<T>(slot: &Slot<T>) -> Result<T, CopyError> {
    slot.take().unwrap_or(Err(CopyError::Unfinished))
}

/// Both ends of the copy, in the running world.
fn in_world(
    world: &World,
    source: &Source,
    store: &File,
    bar: &ProgressBar,
) -> Result<CopyReport, CopyError> {
    let [a, b] = &world.hosts[..] else {
        unreachable!("a world has two hosts")
    };
    let clone = |file: &File| {
        file.try_clone().map_err(|error| CopyError::File {
            what: "a file handle",
            error,
        })
    };
    let (file, store) = (clone(&source.file)?, clone(store)?);

    let (served, desk) = (Slot::default(), Rc::new(Desk::default()));
    let server = {
        let (ndk, at, served, desk) = (b.open_ndk(), b.at(0), Rc::clone(&served), Rc::clone(&desk));
        b.thread("server", move || {
            *served.borrow_mut() = Some(serve(ndk.adapter(), at, &store, &desk));
            desk.listening.set();
            ndk.close();
        })
    };
    desk.listening.wait("the server");

    let copied = Slot::default();
    let client = {
        let (ndk, ends, copied) = (a.open_ndk(), (a.at(0), b.at(0)), Rc::clone(&copied));
        let (length, bar) = (source.length, bar.clone());
        a.thread("client", move || {
            let progress = |bytes| bar.inc(bytes);
            *copied.borrow_mut() = Some(send(ndk.adapter(), ends, &file, length, &progress));
            ndk.close();
        })
    };
    sim::join(client);
    desk.stop();
    sim::join(server);
    Ok(gather(world, &taken(&copied)?, &taken(&served)?))
}

fn serve(adapter: Adapter, at: SocketAddr, store: &File, desk: &Rc<Desk>) -> Result<ServerReport, CopyError> {
    let server = Server::listen(adapter, at, Rc::clone(desk))?;
    let report = server.serve_one(store);
    server.close()?;
    report
}

fn send(
    adapter: Adapter,
    (from, to): (SocketAddr, SocketAddr),
    file: &File,
    length: u64,
    progress: &dyn Fn(u64),
) -> Result<ClientReport, CopyError> {
    let mut client = Client::connect(adapter, from, to)?;
    let report = client.copy(file, length, progress);
    client.close()?;
    report
}

/// The report from what both ends, both devices and the link say.
fn gather(world: &World, client: &ClientReport, server: &ServerReport) -> CopyReport {
    let closes = ndis::ndk::counts();
    let mut report = CopyReport {
        bytes: client.bytes,
        sha256_source: hex(&client.sha256_source),
        sha256_a: hex(&client.sha256_returned),
        sha256_b: hex(&server.sha256),
        virtual_ns: client.write_ns + client.read_ns,
        closes: Closes {
            inline: closes.inline,
            pended: closes.pended,
            completed: closes.completed,
        },
        details: Details {
            connection: format!("{} to {}, SMB Direct 1.0 over RoCEv2", client.local, client.peer),
            to_b_ns: client.write_ns,
            to_a_ns: client.read_ns,
            ..Details::default()
        },
        ..CopyReport::default()
    };
    report.traffic = Traffic::of(world);
    report.details.device = describe_device(&world.hosts[0]);
    report.details.driver = describe_driver(&world.hosts);
    report
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
