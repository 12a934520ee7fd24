//! What happened lately, kept in a ring, and a running fingerprint of all of it.

use super::executor::with;
use std::borrow::Cow;
use std::rc::Rc;

const CAPACITY: usize = 512;

#[derive(Clone)]
pub(super) struct Record {
    pub(super) time: u64,
    pub(super) who: Option<Rc<str>>,
    pub(super) what: Cow<'static, str>,
    pub(super) values: Option<(u64, u64)>,
}

/// The ring and the fingerprint of one run.
pub(super) struct History {
    ring: Vec<Record>,
    next: usize,
    fingerprint: u64,
}

impl History {
    pub(super) const fn new() -> Self {
        Self {
            ring: Vec::new(),
            next: 0,
            fingerprint: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Folds a number into the fingerprint without a record.
    pub(super) const fn mix(&mut self, value: u64) {
        self.fingerprint = (self.fingerprint ^ value)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }

    pub(super) fn add(&mut self, record: Record) {
        self.mix(record.time);
        let name = record.what.as_bytes();
        self.mix(name.len() as u64 ^ name.last_chunk().map_or(0, |end| u64::from_le_bytes(*end)));
        if let Some((first, second)) = record.values {
            self.mix(first);
            self.mix(second);
        }
        if self.ring.len() < CAPACITY {
            self.ring.push(record);
        } else {
            self.ring[self.next] = record;
        }
        self.next = (self.next + 1) % CAPACITY;
    }

    pub(super) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The records, oldest first.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        let split = if self.ring.len() < CAPACITY { 0 } else { self.next };
        self.ring[split..].iter().chain(&self.ring[..split])
    }
}

/// Records what happened, with two numbers. Addresses of this process have no place in it: they differ between runs.
pub fn trace(what: &'static str, first: u64, second: u64) {
    record(Cow::Borrowed(what), Some((first, second)));
}

/// Records a sentence. For rare events: the text is made even if nobody reads it.
pub fn note(what: impl Into<String>) {
    record(Cow::Owned(what.into()), None);
}

fn record(what: Cow<'static, str>, values: Option<(u64, u64)>) {
    with(|sim| {
        let who = sim.with_current(|task| task.name.clone());
        sim.history.borrow_mut().add(Record {
            time: sim.now.get(),
            who,
            what,
            values,
        });
    });
}

/// A number that two runs share only if everything recorded and every switch between contexts was the same.
pub fn fingerprint() -> u64 {
    with(|sim| sim.history.borrow().fingerprint())
}
