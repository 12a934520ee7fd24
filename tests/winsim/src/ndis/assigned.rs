//! The resources that `PnP` assigned to a device, as `MiniportInitializeEx` gets them.

use cxndk::sys::ndis::{
    CM_MEMORY_RESOURCE, CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_PARTIAL_RESOURCE_DESCRIPTOR_u,
    CM_PARTIAL_RESOURCE_LIST,
};

use super::adapter::AdapterState;
use super::interrupt::{DEVICE_IRQL, FIRST_VECTOR};
use super::kernel;
use super::personality::ResourceList;
use super::placement::Placement;

/// `CmResourceTypeMemory`.
const RESOURCE_MEMORY: u8 = 3;
/// `CmResourceTypeInterrupt`.
const RESOURCE_INTERRUPT: u8 = 2;
/// `CM_RESOURCE_INTERRUPT_LATCHED | CM_RESOURCE_INTERRUPT_MESSAGE`.
const LATCHED_MESSAGE: u16 = 3;

fn memory(base: u64, length: u32) -> CM_PARTIAL_RESOURCE_DESCRIPTOR {
    CM_PARTIAL_RESOURCE_DESCRIPTOR {
        Type: RESOURCE_MEMORY,
        ShareDisposition: 1,
        Flags: 0,
        u: CM_PARTIAL_RESOURCE_DESCRIPTOR_u {
            Memory: CM_MEMORY_RESOURCE {
                Start: base as i64,
                Length: length,
            },
        },
    }
}

/// Level, group, vector and processors: `u.MessageInterrupt.Translated`.
fn translated(message: u32, placement: Placement) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&u16::from(DEVICE_IRQL).to_le_bytes());
    bytes[2..4].copy_from_slice(&placement.group(message).to_le_bytes());
    bytes[4..8].copy_from_slice(&(FIRST_VECTOR + message).to_le_bytes());
    bytes[8..].copy_from_slice(&placement.set(message).to_le_bytes());
    bytes
}

/// Group, message count, vector and processors: `u.MessageInterrupt.Raw`. The bus counts its vectors down from -2.
fn raw(message: u32, placement: Placement) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&placement.group(message).to_le_bytes());
    bytes[2..4].copy_from_slice(&1_u16.to_le_bytes());
    bytes[4..8].copy_from_slice(&(u32::MAX - 1 - message).to_le_bytes());
    bytes[8..].copy_from_slice(&placement.set(message).to_le_bytes());
    bytes
}

impl AdapterState {
    /// The memory of BAR 0 and one descriptor for each message, as `PnP` gives them out.
    pub(super) fn build_resources(&self) {
        let (base, length) = kernel::bar(&self.function);
        let messages = kernel::message_count(&self.function);
        let placement = self.placement.get().chosen();
        self.placement.set(placement);
        let form = match self.personality.get().resources {
            ResourceList::Translated => translated,
            ResourceList::Raw => raw,
        };
        let interrupt = |message: u32| CM_PARTIAL_RESOURCE_DESCRIPTOR {
            Type: RESOURCE_INTERRUPT,
            ShareDisposition: 1,
            Flags: LATCHED_MESSAGE,
            u: CM_PARTIAL_RESOURCE_DESCRIPTOR_u {
                Interrupt: form(message, placement),
            },
        };
        let descriptors = std::iter::once(memory(base, length)).chain((0..messages).map(interrupt));
        self.write_resources(1 + messages, descriptors);
    }

    fn write_resources(&self, count: u32, descriptors: impl Iterator<Item = CM_PARTIAL_RESOURCE_DESCRIPTOR>) {
        let head = std::mem::offset_of!(CM_PARTIAL_RESOURCE_LIST, PartialDescriptors);
        let bytes = head + count as usize * size_of::<CM_PARTIAL_RESOURCE_DESCRIPTOR>();
        self.resources.replace(vec![0; bytes.div_ceil(8)]);
        let list = self.resource_list();
        // SAFETY: the list has room for its head.
        unsafe { (*list).Version = 1 };
        // SAFETY: as above.
        unsafe { (*list).Revision = 1 };
        // SAFETY: as above.
        unsafe { (*list).Count = count };
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "descriptors follow the head at a multiple of 4"
        )]
        let first = list
            .cast::<u8>()
            .wrapping_add(head)
            .cast::<CM_PARTIAL_RESOURCE_DESCRIPTOR>();
        for (at, descriptor) in descriptors.enumerate() {
            // SAFETY: the list has room for `count` descriptors.
            unsafe { first.add(at).write_unaligned(descriptor) };
        }
    }
}
