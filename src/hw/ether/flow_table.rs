//! Flow tables of the receive side.

use crate::{
    hw::{
        commands::steering::{
            CreateFlowGroup, CreateFlowTable, DeleteFlowEntry, Destination, DestroyFlowGroup,
            DestroyFlowTable, SetFlowEntry, SetFlowTableRoot,
        },
        device::Device,
        error::HwError,
        layout::FteMatchParam,
        types::FlowTableId,
    },
    nt::{
        Passive, Ref,
        sync::{AtomicBool, Ordering::AcqRel},
    },
};

/// A flow table. What nothing in it matches is dropped.
#[derive(Debug)]
pub struct FlowTable {
    device: Ref<Device>,
    table: FlowTableId,
    alive: AtomicBool,
}

/// Entries of a table that look at the same headers.
#[derive(Debug)]
pub struct FlowGroup {
    device: Ref<Device>,
    table: FlowTableId,
    group: u32,
    first: u32,
    count: u32,
    alive: AtomicBool,
}

impl FlowTable {
    /// Makes a table of `1 << log_size` entries. Frames go from lower to higher levels, so that the table of the highest level is made
    /// first.
    ///
    /// # Errors
    /// The command's.
    pub fn create(
        device: &Ref<Device>,
        level: u8,
        log_size: u32,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let create = CreateFlowTable { level, log_size };
        Ok(Self {
            table: device.commander().execute(&create, passive)?,
            device: device.clone(),
            alive: AtomicBool::new(true),
        })
    }

    /// Its number.
    pub const fn number(&self) -> FlowTableId {
        self.table
    }

    /// Makes it the first one that frames meet.
    ///
    /// # Errors
    /// The command's.
    pub fn make_root(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let table = Some(self.table);
        Ok(self
            .device
            .commander()
            .execute(&SetFlowTableRoot { table }, passive)?)
    }

    /// Frames meet no table any more: all are dropped.
    pub fn unroot(&self, passive: Passive<'_>) {
        self.device
            .commander()
            .dispose(&SetFlowTableRoot { table: None }, passive);
    }

    /// Makes a group of `count` entries from place `first` on. Groups are searched by their places.
    ///
    /// # Errors
    /// The command's.
    pub fn group(
        &self,
        (first, count): (u32, u32),
        mask: FteMatchParam,
        passive: Passive<'_>,
    ) -> Result<FlowGroup, HwError> {
        let create = CreateFlowGroup {
            table: self.table,
            first,
            last: first + count.max(1) - 1,
            mask,
        };
        Ok(FlowGroup {
            group: self.device.commander().execute(&create, passive)?,
            device: self.device.clone(),
            table: self.table,
            first,
            count,
            alive: AtomicBool::new(true),
        })
    }

    /// Destroys it; it has no groups, is not the root, and nothing leads to it.
    pub fn destroy(&self, passive: Passive<'_>) {
        if self.alive.swap(false, AcqRel) {
            let table = self.table;
            self.device
                .commander()
                .dispose(&DestroyFlowTable { table }, passive);
        }
    }
}

impl FlowGroup {
    /// Entries that it holds.
    pub const fn capacity(&self) -> u32 {
        self.count
    }

    /// Puts an entry at a place of the group where none is.
    ///
    /// # Errors
    /// [`HwError::Limit`] beyond the group, the command's.
    pub fn set(
        &self,
        place: u32,
        value: FteMatchParam,
        to: Destination,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        if place >= self.count {
            return Err(HwError::Limit("flow table entries"));
        }
        let entry = SetFlowEntry {
            table: self.table,
            group: self.group,
            index: self.first + place,
            value,
            to,
        };
        Ok(self.device.commander().execute(&entry, passive)?)
    }

    /// Takes the entry at a place away. Whether the device did.
    pub fn clear(&self, place: u32, passive: Passive<'_>) -> bool {
        let entry = DeleteFlowEntry {
            table: self.table,
            index: self.first + place,
        };
        self.device.commander().dispose(&entry, passive)
    }

    /// Destroys it; it has no entries.
    pub fn destroy(&self, passive: Passive<'_>) {
        if self.alive.swap(false, AcqRel) {
            let destroy = DestroyFlowGroup {
                table: self.table,
                group: self.group,
            };
            self.device.commander().dispose(&destroy, passive);
        }
    }
}
