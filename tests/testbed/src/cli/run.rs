//! Arguments that every command has: the seed, the link, the driver, and how the run is told.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::driver_source::DriverSource;
use crate::world::WorldConfig;

/// The most loss that still is a link.
const MAX_LOSS_PERCENT: f64 = 50.0;

/// See the module's page.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArguments {
    /// The seed of every choice: the same seed gives the same run.
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Percent of the packets that the link loses.
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
    /// The world that they ask for.
    pub(super) fn config(&self) -> WorldConfig {
        let mut config = WorldConfig::new(self.seed);
        config.link.faults.loss = (self.loss * 10_000.0).round() as u32;
        config.capture.clone_from(&self.capture);
        if let Some(image) = &self.driver {
            config.driver = DriverSource::Image(image.clone());
        }
        config
    }

    /// Prints a report for a person or for a program.
    ///
    /// # Errors
    ///
    /// That it could not be written.
    pub(super) fn print(&self, report: &(impl Serialize + Display)) -> Result<(), serde_json::Error> {
        if self.json {
            serde_json::to_writer(io::stdout(), report)?;
            println!();
        } else {
            print!("{report}");
        }
        Ok(())
    }
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
