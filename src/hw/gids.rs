//! The port's table of `RoCE` addresses, shared by all that use an address: entries are counted.

use super::{
    command::Commander,
    commands::vport::{RoceAddress, SetRoceAddress},
    error::HwError,
    types::{Gid, GidIndex, Mac},
};
use crate::nt::{NoMemory, Passive, SpinLock, Vec, pool};

/// What makes an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GidKey {
    /// Address.
    pub gid: Gid,
    /// Source address of frames.
    pub mac: Mac,
    /// VLAN of frames.
    pub vlan: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Free,
    /// A command about it is on its way; nobody else touches it.
    Changing(GidKey),
    Used {
        key: GidKey,
        users: u32,
    },
}

/// The table.
#[derive(Debug)]
pub struct Gids {
    entries: SpinLock<Vec<Entry>>,
}

/// What the table says to someone who wants an entry.
enum Claim {
    Shared(GidIndex),
    Ours(GidIndex),
    Wait,
    Full,
}

impl Gids {
    pub(super) fn new(size: u32) -> Result<Self, NoMemory> {
        Ok(Self {
            entries: SpinLock::new(pool::try_vec(size.min(256) as usize, |_| Entry::Free)?),
        })
    }

    /// Finds or makes the entry and counts one more user.
    ///
    /// # Errors
    /// [`HwError::Limit`] when the table is full, the command's.
    pub(super) fn acquire(
        &self,
        commander: &Commander,
        key: GidKey,
        passive: Passive<'_>,
    ) -> Result<GidIndex, HwError> {
        loop {
            match self.claim(key) {
                Claim::Shared(index) => return Ok(index),
                Claim::Full => return Err(HwError::Limit("RoCE addresses")),
                // Bounded by the command of whoever changes it.
                Claim::Wait => passive.sleep_ms(1),
                Claim::Ours(index) => {
                    let address = Some(RoceAddress {
                        gid: key.gid,
                        mac: key.mac,
                        vlan: key.vlan,
                    });
                    let result = commander.execute(&SetRoceAddress { index, address }, passive);
                    let entry = if result.is_ok() {
                        Entry::Used { key, users: 1 }
                    } else {
                        Entry::Free
                    };
                    self.set(index, entry);
                    return result.map(|()| index).map_err(HwError::from);
                }
            }
        }
    }

    /// Counts one user less; the last one clears the entry.
    pub(super) fn release(&self, commander: &Commander, index: GidIndex, passive: Passive<'_>) {
        {
            let mut entries = self.entries.lock();
            let Some(entry) = entries.get_mut(usize::from(index.0)) else {
                return;
            };
            match entry {
                Entry::Used { users, .. } if *users > 1 => {
                    *users -= 1;
                    return;
                }
                Entry::Used { key, .. } => *entry = Entry::Changing(*key),
                Entry::Free | Entry::Changing(_) => return,
            }
        }
        commander.dispose(&SetRoceAddress { index, address: None }, passive);
        self.set(index, Entry::Free);
    }

    fn claim(&self, wanted: GidKey) -> Claim {
        let mut entries = self.entries.lock();
        let mut free = None;
        for (index, entry) in entries.iter_mut().enumerate() {
            let index = GidIndex(index as u8);
            match entry {
                Entry::Used { key, users } if *key == wanted => {
                    *users += 1;
                    return Claim::Shared(index);
                }
                Entry::Changing(key) if *key == wanted => return Claim::Wait,
                Entry::Free if free.is_none() => free = Some(index),
                _ => {}
            }
        }
        let Some(index) = free else { return Claim::Full };
        if let Some(entry) = entries.get_mut(usize::from(index.0)) {
            *entry = Entry::Changing(wanted);
        }
        Claim::Ours(index)
    }

    fn set(&self, index: GidIndex, value: Entry) {
        if let Some(entry) = self.entries.lock().get_mut(usize::from(index.0)) {
            *entry = value;
        }
    }
}
