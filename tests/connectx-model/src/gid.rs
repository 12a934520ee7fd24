//! The port's RoCE addresses, as `SET_ROCE_ADDRESS` wrote them (connectx.md section 13).

use std::cell::RefCell;

/// One entry of the address table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GidEntry {
    /// The GID; IPv4 addresses are mapped (`::ffff:a.b.c.d`).
    pub gid: [u8; 16],
    /// Source MAC address of packets sent from it.
    pub mac: [u8; 6],
    /// VLAN of packets sent from it.
    pub vlan: Option<u16>,
    /// IPv4 header on the wire, else IPv6.
    pub ipv4: bool,
    /// RoCE version 2, else 1.
    pub version_2: bool,
}

/// The table. Slots hold `None` when never written or cleared.
#[derive(Default)]
pub struct GidTable {
    entries: RefCell<Vec<Option<GidEntry>>>,
}

impl GidTable {
    /// A table of `size` free slots.
    pub fn new(size: usize) -> Self {
        Self {
            entries: RefCell::new(vec![None; size]),
        }
    }

    /// The entry at `index`, if there is one.
    pub fn get(&self, index: u8) -> Option<GidEntry> {
        self.entries.borrow().get(usize::from(index)).copied().flatten()
    }

    /// Writes or clears a slot. `false` if there is no such slot.
    pub fn set(&self, index: u16, entry: Option<GidEntry>) -> bool {
        let mut entries = self.entries.borrow_mut();
        let slot = entries.get_mut(usize::from(index));
        slot.is_some_and(|slot| {
            *slot = entry;
            true
        })
    }

    /// The first slot that holds `gid` for RoCE version 2.
    pub fn find(&self, gid: &[u8; 16]) -> Option<(u8, GidEntry)> {
        let entries = self.entries.borrow();
        let found = entries
            .iter()
            .position(|entry| entry.is_some_and(|entry| entry.version_2 && entry.gid == *gid))?;
        Some((found as u8, entries[found]?))
    }

    /// Forgets all addresses.
    pub fn clear(&self) {
        self.entries.borrow_mut().fill(None);
    }
}
