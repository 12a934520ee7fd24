//! Small wrong drivers: each breaks one rule of the kernel, and the verifier says which.

mod dma;
mod events;
mod irql;
mod locks;
mod mdl;
mod pool;
mod third_party;
mod wdm;
mod windows;

use crate::sim::{self, Failure, HostId};

use super::{add_host, on_host};

/// Runs a piece of a driver in a thread of a host at `PASSIVE_LEVEL`.
fn run(body: impl FnOnce(HostId) + Send + 'static) -> Result<(), Failure> {
    sim::run(1, || {
        let host = add_host("host", 2);
        on_host(host, "driver", move || body(host));
    })
}

/// The same, for one that is to be caught by `rule`.
#[track_caller]
fn caught(rule: &str, body: impl FnOnce(HostId) + Send + 'static) {
    match run(body) {
        Ok(()) => panic!("nothing is caught, {rule} is broken"),
        Err(failure) => assert_eq!(failure.rule, rule, "{failure}"),
    }
}

/// The same, for one that keeps all rules.
#[track_caller]
fn passes(body: impl FnOnce(HostId) + Send + 'static) {
    run(body).unwrap_or_else(|failure| panic!("{failure}"));
}
