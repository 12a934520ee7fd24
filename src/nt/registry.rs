//! Lists of live objects, for the OIDs that show them.

use super::{NoMemory, NonPaged, Ref, SpinLock, Vec, pool};

/// The objects of one type that are not closed.
pub struct Registry<T: Send + Sync + ?Sized + 'static> {
    members: SpinLock<Vec<Ref<T>>>,
}

impl<T: Send + Sync + ?Sized + 'static> Registry<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self {
            members: SpinLock::new(Vec::new_in(NonPaged)),
        }
    }

    /// Adds an object.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn add(&self, member: Ref<T>) -> Result<(), NoMemory> {
        pool::try_push(&mut self.members.lock(), member)
    }

    /// Removes an object, if it is there.
    pub fn remove(&self, member: &T) {
        let mut members = self.members.lock();
        let found = members
            .iter()
            .position(|other| core::ptr::addr_eq(&raw const **other, member));
        let removed = found.and_then(|index| pool::take_at(&mut members, index));
        // The object may go with its last reference: not under the lock.
        drop(members);
        drop(removed);
    }

    /// The first that `wanted` chooses, at `DISPATCH_LEVEL` under the list's lock.
    pub fn find(&self, mut wanted: impl FnMut(&T) -> bool) -> Option<Ref<T>> {
        self.members.lock().iter().find(|member| wanted(member)).cloned()
    }

    /// The one at `index`, in no particular order.
    pub fn nth(&self, index: usize) -> Option<Ref<T>> {
        self.members.lock().get(index).cloned()
    }

    /// Looks at all of them, at `DISPATCH_LEVEL` under the list's lock.
    pub fn for_each(&self, mut look: impl FnMut(&Ref<T>)) {
        for member in self.members.lock().iter() {
            look(member);
        }
    }
}

impl<T: Send + Sync + ?Sized + 'static> Default for Registry<T> {
    fn default() -> Self {
        Self::new()
    }
}
