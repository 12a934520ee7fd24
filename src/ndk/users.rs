//! The queue pairs that complete on one completion queue, found by number.

use super::object::{Kind, Object};
use crate::{
    hw::Qpn,
    nt::{NoMemory, NonPaged, Ref, Vec, pool::take_at},
};

/// The queue pairs of one completion queue. Behind that queue's lock.
pub struct Users<K: Kind> {
    // Sorted by number.
    list: Vec<(Qpn, Ref<Object<K>>)>,
    // Where the last completion's queue pair is: the next is probably its, too.
    last: usize,
}

impl<K: Kind> Users<K> {
    /// None.
    pub const fn new() -> Self {
        Self {
            list: Vec::new_in(NonPaged),
            last: 0,
        }
    }

    /// The queue pair with this number.
    #[inline(always)]
    pub fn find(&mut self, qpn: Qpn) -> Option<&K> {
        match self.list.get(self.last) {
            Some((number, _)) if *number == qpn => {}
            _ => {
                if !self.search(qpn.raw()) {
                    return None;
                }
            }
        }
        self.list.get(self.last).map(|(_, qp)| qp.kind())
    }

    /// Not inlined, and in the consumer's calling convention, so that polling keeps no registers for it.
    #[cold]
    #[inline(never)]
    extern "win64" fn search(&mut self, qpn: u32) -> bool {
        let place = self.place(Qpn::new(qpn));
        if let Ok(place) = place {
            self.last = place;
        }
        place.is_ok()
    }

    /// Adds a queue pair; one that is there already (it receives and sends here) stays. Whether it is new.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn add(&mut self, qpn: Qpn, qp: Ref<Object<K>>) -> Result<bool, NoMemory> {
        let place = self.place(qpn);
        if let Err(place) = place {
            self.list.try_reserve(1)?;
            self.list.insert(place, (qpn, qp));
        }
        Ok(place.is_err())
    }

    /// Takes a queue pair out.
    pub fn remove(&mut self, qpn: Qpn) -> Option<Ref<Object<K>>> {
        let place = self.place(qpn).ok()?;
        take_at(&mut self.list, place).map(|(_, qp)| qp)
    }

    /// The first thing that `find` has to say of a queue pair.
    pub fn find_map<R>(&self, find: impl FnMut(&K) -> Option<R>) -> Option<R> {
        self.list.iter().map(|(_, qp)| qp.kind()).find_map(find)
    }

    /// Does `act` with each.
    pub fn for_each(&self, act: impl Fn(&K)) {
        for (_, qp) in &self.list {
            act(qp.kind());
        }
    }

    fn place(&self, qpn: Qpn) -> Result<usize, usize> {
        self.list.binary_search_by_key(&qpn, |(number, _)| *number)
    }
}

impl<K: Kind> Default for Users<K> {
    fn default() -> Self {
        Self::new()
    }
}
