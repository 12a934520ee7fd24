//! Datagrams whose answer waits for the Ethernet address of the next hop.
//!
//! Asking takes seconds when nobody is there, so that a few work items ask for one neighbour each, and what waits for them is bounded:
//! strangers that cannot be reached cost their own requests only. Requests that a listener waits for have half of the places and of
//! the work items to themselves. The newest question is asked first and the oldest gives way: who is there asks again.

use core::net::IpAddr;

use super::gsi::Datagram;
use crate::nt::{
    NoMemory, SpinLock, Vec,
    pool::{take_at, try_with_capacity},
};

/// Neighbours that are asked at once.
pub(super) const ASKERS: usize = 8;
/// How many of them may be asked for the sake of a mere refusal.
const ASKERS_OF_REFUSALS: u32 = 4;
/// Datagrams of each kind that may wait.
const PLACES: usize = 32;

/// A neighbour, and the address of ours that asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neighbour {
    pub(super) local: IpAddr,
    pub(super) hop: IpAddr,
}

#[derive(Debug)]
struct Question {
    neighbour: Neighbour,
    datagram: Datagram,
    /// A listener waits for it; else it will be refused.
    wanted: bool,
    /// Its neighbour is being asked.
    asked: bool,
}

#[derive(Debug)]
struct Inner {
    /// The oldest first.
    waiting: Vec<Question>,
    /// A bit for each asker that was called and has not found the list empty.
    awake: u32,
    /// Neighbours that are asked for refusals only.
    refusals: u32,
    stopped: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Questions {
    inner: SpinLock<Inner>,
}

/// What an asker has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) neighbour: Neighbour,
    wanted: bool,
}

impl Questions {
    pub(super) fn try_new() -> Result<Self, NoMemory> {
        let inner = Inner {
            waiting: try_with_capacity(2 * PLACES)?,
            awake: 0,
            refusals: 0,
            stopped: false,
        };
        Ok(Self {
            inner: SpinLock::new(inner),
        })
    }

    /// Lets a datagram wait; the number of the asker that has to be called for it, if one sleeps. `<= DISPATCH_LEVEL`.
    pub(super) fn add(&self, neighbour: Neighbour, datagram: &Datagram, wanted: bool) -> Option<usize> {
        let mut inner = self.inner.lock();
        if inner.stopped || !inner.make_room(datagram, wanted) {
            return None;
        }
        let asked = inner.waiting.iter().any(|q| q.neighbour == neighbour && q.asked);
        inner.waiting.push(Question {
            neighbour,
            datagram: *datagram,
            wanted,
            asked,
        });
        if asked {
            return None;
        }
        let sleeper = inner.awake.trailing_ones();
        if sleeper as usize >= ASKERS {
            return None;
        }
        inner.awake |= 1 << sleeper;
        Some(sleeper as usize)
    }

    /// What the asker of this number does next; after `None` it sleeps.
    pub(super) fn next(&self, asker: usize) -> Option<Errand> {
        let mut inner = self.inner.lock();
        let found = inner.pick();
        if found.is_none() {
            inner.awake &= !(1 << asker);
        }
        found
    }

    /// One of the datagrams that waited for this errand, which is over; `None` when there are no more.
    pub(super) fn waited(&self, errand: &Errand) -> Option<Datagram> {
        let mut inner = self.inner.lock();
        let at = inner.waiting.iter().position(|q| q.neighbour == errand.neighbour);
        let question = at.and_then(|at| take_at(&mut inner.waiting, at));
        if question.is_none() && !errand.wanted {
            inner.refusals -= 1;
        }
        question.map(|q| q.datagram)
    }

    /// Nothing is asked any more but what is being asked.
    pub(super) fn stop(&self) {
        let mut inner = self.inner.lock();
        inner.stopped = true;
        inner.waiting.clear();
    }
}

impl Inner {
    /// Finds a place; `false` for a copy of what waits already, and when all places wait for neighbours that are being asked.
    fn make_room(&mut self, datagram: &Datagram, wanted: bool) -> bool {
        let copy = |q: &Question| {
            q.datagram.source == datagram.source
                && q.datagram.mad.header.transaction_id == datagram.mad.header.transaction_id
                && q.datagram.mad.message.attribute() == datagram.mad.message.attribute()
        };
        if self.waiting.iter().any(copy) {
            return false;
        }
        if self.waiting.iter().filter(|q| q.wanted == wanted).count() < PLACES {
            return true;
        }
        let oldest = self.waiting.iter().position(|q| q.wanted == wanted && !q.asked);
        oldest.and_then(|at| take_at(&mut self.waiting, at)).is_some()
    }

    fn pick(&mut self) -> Option<Errand> {
        let may = |q: &&Question| !q.asked && (q.wanted || self.refusals < ASKERS_OF_REFUSALS);
        // Wanted ones first.
        let newest = self.waiting.iter().filter(may).max_by_key(|q| q.wanted)?;
        let errand = Errand {
            neighbour: newest.neighbour,
            wanted: newest.wanted,
        };
        for question in &mut self.waiting {
            question.asked |= question.neighbour == errand.neighbour;
        }
        self.refusals += u32::from(!errand.wanted);
        Some(errand)
    }
}
