//! The memory that frames are received into, and the packets that lend it to NDIS.

use crate::{
    hw::{Device, HwError, ether::Piece},
    nt::{
        NdisHandle, NoMemory, Once, Passive, Ref, SharedMemory, Vec,
        packet::{OwnPacket, PacketPool},
        pool,
    },
};

/// Bytes of a page; pieces do not cross pages.
const PAGE: u32 = 4096;
/// Buffers of frames of the usual size: two to a page.
const SMALL: u32 = 2048;
/// Bytes that a frame takes beside its IP packet, as the device counts: header, tag, check sequence.
const BESIDE: u32 = 22;

/// Equal buffers. Each begins where a dword does (rule RECV-04), and has a packet of its own from its first use on.
#[derive(Debug)]
pub struct Buffers {
    pool: Ref<PacketPool>,
    memory: Ref<SharedMemory>,
    size: u32,
    packets: Vec<Once<OwnPacket>>,
}

/// Bytes of a buffer for IP packets of `mtu` bytes.
pub const fn buffer_size(mtu: u32) -> u32 {
    let needed = mtu + BESIDE;
    if needed <= SMALL {
        SMALL
    } else {
        needed.next_multiple_of(PAGE)
    }
}

/// Pieces of such a buffer.
pub const fn pieces(mtu: u32) -> u32 {
    buffer_size(mtu).div_ceil(PAGE)
}

impl Buffers {
    /// `count` buffers for IP packets of `mtu` bytes.
    ///
    /// # Errors
    /// [`HwError::NoMemory`].
    pub fn try_new(
        device: &Ref<Device>,
        ndis: NdisHandle,
        (count, mtu): (u32, u32),
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let size = buffer_size(mtu);
        Ok(Self {
            pool: PacketPool::try_new(ndis)?,
            memory: device.shared_pages(count * size, passive)?,
            size,
            packets: pool::try_vec(count as usize, |_| Once::new())?,
        })
    }

    /// The memory that all are in.
    pub const fn memory(&self) -> &Ref<SharedMemory> {
        &self.memory
    }

    /// Where the device finds a buffer.
    pub fn pieces(&self, buffer: u32) -> impl Iterator<Item = Piece> + '_ {
        let (start, size) = (buffer * self.size, self.size);
        (0..size.div_ceil(PAGE)).map(move |piece| {
            let skip = piece * PAGE;
            let bus = self.memory.bus_address(start + skip);
            (bus.0, (size - skip).min(PAGE))
        })
    }

    /// The packet of a buffer, which is made when it is first needed. `<= DISPATCH_LEVEL`; whoever asks has the buffer for itself.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn packet(&self, buffer: u32) -> Result<&OwnPacket, NoMemory> {
        let place = self.packets.get(buffer as usize).ok_or(NoMemory)?;
        if place.get().is_none() {
            let packet = OwnPacket::try_new(&self.pool, &self.memory, buffer * self.size, self.size)?;
            // Nobody else has the buffer.
            let _ = place.set(packet);
        }
        place.get().ok_or(NoMemory)
    }
}
