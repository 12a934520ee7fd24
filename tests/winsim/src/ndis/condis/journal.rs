//! Which calls of CoNDIS were made on a host, in order: what a scenario holds against the sequences of the contract.

use std::cell::RefCell;

use crate::ndis::kernel;
use crate::sim::{self, HostId};

/// The calls of a run, packets apart.
#[derive(Default)]
struct Journal(RefCell<Vec<(HostId, &'static str)>>);

/// Notes an export or a handler that is entered.
pub(super) fn note(name: &'static str) {
    if !name.contains("NetBufferList") {
        let journal = sim::local::<Journal>();
        journal.0.borrow_mut().push((kernel::host(), name));
    }
}

/// The exports and handlers of CoNDIS that were entered on a host, oldest first; packets are not among them.
///
/// Exports have their own names, which for `NdisMCmXxx` may be `NdisCmXxx`; handlers those of the members of the structures that hold them.
pub fn calls_on(host: HostId) -> Vec<&'static str> {
    let journal = sim::local::<Journal>();
    let all = journal.0.borrow();
    all.iter()
        .filter(|(of, _)| *of == host)
        .map(|(_, name)| *name)
        .collect()
}
