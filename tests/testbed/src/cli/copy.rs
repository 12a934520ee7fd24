//! `copy`: a file goes from host A to host B by RDMA read and comes back by RDMA write.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::describe::{Traffic, describe_device, describe_driver, describe_link};
use super::progress::{Progress, Unit};
use super::report::{Closes, CopyReport, Details};
use super::run::{RunArguments, tell};
use super::source::{Source, SourceError};
use crate::consumers::copy::{Client, ClientReport, CopyError, Desk, Server, ServerReport};
use crate::consumers::ndk::Adapter;
use crate::ndis;
use crate::sim;
use crate::world::{World, WorldError};

/// The file's two ways.
const WAYS: [&str; 2] = ["A to B", "B to A"];

/// Arguments of `copy`.
#[derive(Clone, Debug, Default, Args)]
pub struct CopyArguments {
    /// The file to copy, `-` for standard input; without it a file of 64 MiB is generated.
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
    Report(#[from] io::Error),
    /// The capture would overwrite what the run reads.
    #[error("the capture {capture} would overwrite {what}")]
    Overwrites {
        /// The capture.
        capture: PathBuf,
        /// What it is.
        what: &'static str,
    },
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
    let config = arguments.run.config(source.identity)?;

    let progress = Progress::new(Unit::Bytes, &WAYS, source.length, arguments.run.json);
    let progress = Arc::new(progress);
    let started = Instant::now();
    let result = World::run(&config, |world| in_world(world, source, &store, &progress));
    progress.finish();
    let wall_ns = started.elapsed().as_nanos() as u64;

    let mut report = match result {
        Ok(report) => report,
        Err(WorldError::Failure(failure)) => {
            tell(&failure);
            CopyReport {
                violations: 1,
                violation: Some(format!("{}: {}", failure.rule, failure.message)),
                ..CopyReport::default()
            }
        }
        Err(error) => return Err(error.into()),
    };
    report.seed = arguments.run.seed;
    report.wall_ns = wall_ns;
    report.details.link = describe_link(&config);
    Ok(report)
}

/// A place for a thread's result.
type Slot<T> = Rc<RefCell<Option<Result<T, CopyError>>>>;

fn taken<T>(slot: &Slot<T>) -> Result<T, CopyError> {
    slot.take().unwrap_or(Err(CopyError::Unfinished))
}

/// The copy, and what the world says of itself after it, however it ended.
fn in_world(world: &World, source: &Source, store: &File, progress: &Arc<Progress>) -> CopyReport {
    let mut report = match both_ends(world, source, store, progress) {
        Ok((client, server)) => gather(&client, &server),
        Err(error) => CopyReport {
            failure: Some(error.to_string()),
            ..CopyReport::default()
        },
    };
    let closes = ndis::ndk::counts();
    report.closes = Closes {
        inline: closes.inline,
        pended: closes.pended,
        completed: closes.completed,
    };
    report.traffic = Traffic::of(world);
    report.details.device = describe_device(&world.hosts[0]);
    report.details.driver = describe_driver(&world.hosts);
    report
}

/// Both ends of the copy, in the running world.
fn both_ends(
    world: &World,
    source: &Source,
    store: &File,
    progress: &Arc<Progress>,
) -> Result<(ClientReport, ServerReport), CopyError> {
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
        let (length, progress) = (source.length, Arc::clone(progress));
        a.thread("client", move || {
            let progress = |bytes| progress.add(bytes);
            *copied.borrow_mut() = Some(send(ndk.adapter(), ends, &file, length, &progress));
            ndk.close();
        })
    };
    sim::join(client);
    desk.stop();
    sim::join(server);
    Ok((taken(&copied)?, taken(&served)?))
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

/// The report from what both ends say.
fn gather(client: &ClientReport, server: &ServerReport) -> CopyReport {
    CopyReport {
        bytes: client.bytes,
        sha256_source: hex(&client.sha256_source),
        sha256_a: hex(&client.sha256_returned),
        sha256_b: hex(&server.sha256),
        virtual_ns: client.write_ns + client.read_ns,
        details: Details {
            connection: format!("{} to {}, SMB Direct 1.0 over RoCEv2", client.local, client.peer),
            to_b_ns: client.write_ns,
            to_a_ns: client.read_ns,
            ..Details::default()
        },
        ..CopyReport::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
