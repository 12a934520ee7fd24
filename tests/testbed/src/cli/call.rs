//! `call`: host A calls host B over the CoNDIS call manager, messages flow both ways, either side closes.

use std::time::Instant;

use clap::Args;

use super::call_report::CallReport;
use super::conversation::Conversation;
use super::copy::CommandError;
use super::describe::{Traffic, describe_device, describe_driver, describe_link};
use super::progress::{Progress, Unit};
use super::run::{RunArguments, tell};
use crate::consumers::condis::WAITS;
use crate::world::{World, WorldError};

/// The most leaves of one call.
const MOST_PARTIES: u64 = 64;

/// Arguments of `call`.
#[derive(Clone, Debug, Args)]
pub struct CallArguments {
    /// Messages that each side sends; on a call with several parties, that the root sends to all of them.
    #[arg(long, default_value_t = 1000)]
    messages: u64,
    /// Leaves of the call, 1 to 64; more than one make it multipoint.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MOST_PARTIES))]
    parties: u64,
    /// Seed, link, driver, output.
    #[command(flatten)]
    run: RunArguments,
}

/// Runs the command; true if every message arrived as it was sent, every call closed once, and no rule was broken.
///
/// # Errors
///
/// Why there is nothing to report.
pub fn call(arguments: &CallArguments) -> Result<bool, CommandError> {
    let report = run(arguments)?;
    arguments.run.print(&report)?;
    Ok(report.is_good())
}

fn run(arguments: &CallArguments) -> Result<CallReport, CommandError> {
    let config = arguments.run.config(None)?;

    let progress = Progress::new(
        Unit::Messages,
        &["messages"],
        arguments.messages,
        arguments.run.json,
    );
    let started = Instant::now();
    let result = World::run(&config, |world| in_world(world, arguments, &progress));
    progress.finish();
    let mut report = match result {
        Ok(report) => report,
        // What a link that loses packets does not deliver breaks no rule.
        Err(WorldError::Failure(failure)) if failure.rule == WAITS && arguments.run.loses() => CallReport {
            failure: Some(failure.message),
            ..CallReport::default()
        },
        Err(WorldError::Failure(failure)) => {
            tell(&failure);
            CallReport {
                violations: 1,
                violation: Some(format!("{}: {}", failure.rule, failure.message)),
                ..CallReport::default()
            }
        }
        Err(error) => return Err(error.into()),
    };
    report.seed = arguments.run.seed;
    report.parties = arguments.parties;
    report.wall_ns = started.elapsed().as_nanos() as u64;
    report.link = describe_link(&config);
    Ok(report)
}

fn in_world(world: &World, arguments: &CallArguments, progress: &Progress) -> CallReport {
    let mut conversation = Conversation::open(world, progress);
    if arguments.parties == 1 {
        // Twice on one VC: once A closes, once B.
        let first = arguments.messages / 2;
        conversation.converse(first, false);
        conversation.converse(arguments.messages - first, true);
    } else {
        conversation.broadcast(arguments.messages, arguments.parties as usize);
    }
    let mut report = conversation.close();
    report.traffic = Traffic::of(world);
    report.device = describe_device(&world.hosts[0]);
    report.driver = describe_driver(&world.hosts);
    report
}
