//! Arguments that every command has: the seed, the link, the driver, and how the run is told.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::copy::CommandError;
use super::source::Identity;
use crate::driver_source::DriverSource;
use crate::sim;
use crate::world::{World, WorldPlan};

/// The most loss that still is a link.
const MAX_LOSS_PERCENT: f64 = 50.0;

/// See the module's page.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArguments {
    /// The seed of every choice: the same seed gives the same run.
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Percent of the packets that the link loses, 0 to 50.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = loss)]
    loss: f64,
    /// Records every frame of the link to this file, for Wireshark.
    #[arg(long, value_name = "FILE.pcap")]
    capture: Option<PathBuf>,
    /// Runs this driver image (or the one that CXNDK_DRIVER names) instead of the driver that is linked in.
    #[arg(long, value_name = "FILE.sys")]
    driver: Option<PathBuf>,
    /// Prints one JSON object instead of a report.
    #[arg(long)]
    pub(super) json: bool,
}

impl RunArguments {
    /// The world that they ask for; `source` is the file that the command reads, if there is one.
    ///
    /// # Errors
    ///
    /// The capture would overwrite what the run reads.
    pub(super) fn config(&self, source: Option<Identity>) -> Result<WorldPlan, CommandError> {
        let mut config = World::new(self.seed);
        config.link.faults.loss = (self.loss * 10_000.0).round() as u32;
        config.capture.clone_from(&self.capture);
        if let Some(image) = &self.driver {
            config.driver = DriverSource::Image(image.clone());
        }
        if let Some(capture) = &self.capture {
            let image = match &config.driver {
                DriverSource::Image(path) => Identity::of_path(path),
                DriverSource::Linked => None,
            };
            spare(capture, source, "the file to copy")?;
            spare(capture, image, "the driver's image")?;
        }
        Ok(config)
    }

    /// Whether the link loses packets.
    pub(super) fn loses(&self) -> bool {
        self.loss > 0.0
    }

    /// Prints a report for a person or for a program.
    ///
    /// # Errors
    ///
    /// That it could not be written.
    pub(super) fn print(&self, report: &(impl Serialize + Display)) -> io::Result<()> {
        let text = if self.json {
            serde_json::to_string(report)? + "\n"
        } else {
            report.to_string()
        };
        let mut output = io::stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    }
}

/// Tells a person how a run broke a rule. Where standard error takes nothing, the report still says it.
pub(super) fn tell(failure: &sim::Failure) {
    let _ = writeln!(io::stderr(), "{failure}");
}

/// Refuses a capture that is the same file as `read`, under whatever name.
fn spare(capture: &Path, read: Option<Identity>, what: &'static str) -> Result<(), CommandError> {
    if read.is_some() && Identity::of_path(capture) == read {
        let capture = capture.to_owned();
        return Err(CommandError::Overwrites { capture, what });
    }
    Ok(())
}

/// Percent of lost packets, from the command line.
fn loss(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if (0.0..=MAX_LOSS_PERCENT).contains(&percent) {
        Ok(percent)
    } else {
        Err(format!("{percent} is not between 0 and {MAX_LOSS_PERCENT}"))
    }
}
