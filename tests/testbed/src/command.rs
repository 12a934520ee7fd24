//! What the arguments of the command line mean.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cxndk_testbed::cli::{self, CallArguments, CopyArguments};

/// Runs the cxndk driver in simulated Windows hosts with simulated ConnectX adapters.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copies a file from host A to host B by RDMA read and back by RDMA write.
    Copy(CopyArguments),
    /// Calls from host A to host B over the CoNDIS call manager; messages flow both ways.
    Call(CallArguments),
}

/// Parses the arguments and runs their command.
pub fn run() -> ExitCode {
    let command = Arguments::parse()
        .command
        .unwrap_or_else(|| Command::Copy(CopyArguments::default()));
    let result = match command {
        Command::Copy(arguments) => cli::copy(&arguments),
        Command::Call(arguments) => cli::call(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where standard error takes nothing, the exit status still says it.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
