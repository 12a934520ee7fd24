//! `NET_BUFFER_LIST`s: chains that are lent to the driver, and receive packets over shared memory.

use core::{
    ffi::c_void,
    ptr::{NonNull, null_mut},
};

use wdk_sys::_MDL as MDL;

use super::{Mdl, NdisHandle, NoMemory, Ref, SharedMemory, Status};
use crate::sys::{
    condis::{
        self, NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1, NET_BUFFER_LIST_POOL_PARAMETERS,
        NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
    },
    ndis::{NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER, NET_BUFFER_LIST},
};

/// Tag of NDIS's own allocations for the pool: `CxPk`.
const TAG: u32 = u32::from_le_bytes(*b"CxPk");
/// Index of the cancel id in `NetBufferListInfo`.
const CANCEL_ID: usize = 5;

/// A `NET_BUFFER_LIST` that belongs to the driver until it gives it back. Its `MiniportReserved` is the driver's meanwhile.
#[derive(Debug)]
pub struct Packet(NonNull<NET_BUFFER_LIST>);

// SAFETY: whoever has the packet is its only user, on whatever processor.
unsafe impl Send for Packet {}
// SAFETY: reached only through `&mut`, or under the lock of the queue that holds it.
unsafe impl Sync for Packet {}

impl Packet {
    /// The status that its giver will read.
    pub fn set_status(&mut self, status: Status) {
        // SAFETY: the packet is ours.
        unsafe { self.0.as_mut() }.Status = status.0;
    }

    /// The status set last.
    pub fn status(&self) -> Status {
        // SAFETY: the packet is ours.
        Status(unsafe { self.0.as_ref() }.Status)
    }

    /// The driver's own two words.
    pub fn words(&mut self) -> &mut [*mut c_void; 2] {
        // SAFETY: the packet is ours.
        &mut unsafe { self.0.as_mut() }.MiniportReserved
    }

    /// One of the driver's own two words, as a number; 0 for others.
    pub fn word(&self, index: usize) -> usize {
        self.raw()
            .MiniportReserved
            .get(index)
            .map_or(0, |word| word.addr())
    }

    /// The id by which a cancellation would name it.
    pub fn cancel_id(&self) -> *mut c_void {
        // SAFETY: the packet is ours.
        unsafe { self.0.as_ref() }
            .NetBufferListInfo
            .get(CANCEL_ID)
            .map_or(null_mut(), |id| *id)
    }

    /// The list itself, for what travels beside its data.
    pub(super) fn raw(&self) -> &NET_BUFFER_LIST {
        // SAFETY: the packet is ours.
        unsafe { self.0.as_ref() }
    }

    /// The same, to change it.
    pub(super) fn raw_mut(&mut self) -> &mut NET_BUFFER_LIST {
        // SAFETY: the packet is ours.
        unsafe { self.0.as_mut() }
    }

    /// Its first buffer.
    pub fn first(&self) -> Option<Buffer> {
        // SAFETY: the packet is ours, and so are its buffers.
        NonNull::new(unsafe { self.0.as_ref() }.FirstNetBuffer).map(Buffer)
    }

    /// Whether both are handles on one packet.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Another handle on the packet, for its owner's bookkeeping: one of them gives it back, the others are forgotten.
    pub const fn alias(&self) -> Self {
        Self(self.0)
    }
}

/// A `NET_BUFFER` of a packet that belongs to the driver: one message.
#[derive(Clone, Copy, Debug)]
pub struct Buffer(NonNull<NET_BUFFER>);

// SAFETY: as for the packet that it is part of.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// The next one of the packet.
    pub fn next(self) -> Option<Self> {
        // SAFETY: part of a packet that is ours.
        NonNull::new(unsafe { self.0.as_ref() }.Next).map(Self)
    }

    /// Bytes of data.
    pub const fn len(self) -> usize {
        // SAFETY: part of a packet that is ours.
        unsafe { self.0.as_ref() }.stDataLength
    }

    /// Whether there is no data.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The buffer, for an NDIS call.
    pub(super) const fn as_raw(self) -> *mut NET_BUFFER {
        self.0.as_ptr()
    }

    /// The chain of MDLs where the data begins, and how many bytes of it come before.
    pub fn data(self) -> Option<(Mdl<'static>, u32)> {
        // SAFETY: part of a packet that is ours.
        let buffer = unsafe { self.0.as_ref() };
        // SAFETY: the giver's MDLs describe locked pages until the packet is given back.
        let mdl = unsafe { Mdl::new(buffer.CurrentMdl) }?;
        Some((mdl, buffer.CurrentMdlOffset))
    }
}

/// A chain of packets in order.
#[derive(Debug)]
pub struct Packets {
    head: *mut NET_BUFFER_LIST,
    tail: *mut NET_BUFFER_LIST,
    count: u32,
}

// SAFETY: as for each packet of it.
unsafe impl Send for Packets {}

impl Packets {
    /// An empty chain.
    pub const fn new() -> Self {
        Self {
            head: null_mut(),
            tail: null_mut(),
            count: 0,
        }
    }

    /// A chain that was lent.
    ///
    /// # Safety
    /// `head` is NULL or leads to a chain that is the driver's until it gives it back.
    pub unsafe fn from_raw(head: *mut NET_BUFFER_LIST) -> Self {
        let mut this = Self {
            head,
            tail: head,
            count: u32::from(!head.is_null()),
        };
        // SAFETY: the caller's promise.
        while let Some(next) = unsafe { this.tail.as_ref() }.and_then(|list| NonNull::new(list.Next)) {
            this.tail = next.as_ptr();
            this.count += 1;
        }
        this
    }

    /// The chain, to be given back or lent.
    pub const fn into_raw(self) -> *mut NET_BUFFER_LIST {
        self.head
    }

    /// Another handle on the chain, for who lends it for a call and has it again after.
    #[must_use]
    pub const fn alias(&self) -> Self {
        Self {
            head: self.head,
            tail: self.tail,
            count: self.count,
        }
    }

    /// Number of packets.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends one.
    pub fn push(&mut self, mut packet: Packet) {
        // SAFETY: ours.
        unsafe { packet.0.as_mut() }.Next = null_mut();
        let raw = packet.0.as_ptr();
        // SAFETY: the last of the chain, ours.
        match unsafe { self.tail.as_mut() } {
            Some(tail) => tail.Next = raw,
            None => self.head = raw,
        }
        self.tail = raw;
        self.count += 1;
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<Packet> {
        let first = NonNull::new(self.head)?;
        // SAFETY: ours.
        self.head = unsafe { first.as_ref() }.Next;
        if self.head.is_null() {
            self.tail = null_mut();
        }
        self.count -= 1;
        Some(Packet(first))
    }

    /// Deals the packets out to `COUNT` chains, in their order: each to the one that `to` names. Whoever names one that is not there loses the packet.
    pub fn deal<const COUNT: usize>(mut self, to: impl Fn(&Packet) -> usize) -> [Self; COUNT] {
        let mut parts = [const { Self::new() }; COUNT];
        while let Some(packet) = self.pop() {
            if let Some(part) = parts.get_mut(to(&packet)) {
                part.push(packet);
            }
        }
        parts
    }

    /// Appends another chain.
    pub fn append(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        // SAFETY: the last of the chain, ours.
        match unsafe { self.tail.as_mut() } {
            Some(tail) => tail.Next = other.head,
            None => self.head = other.head,
        }
        self.tail = other.tail;
        self.count += other.count;
    }

    /// Sets the status of all.
    pub fn set_status(&mut self, status: Status) {
        let mut next = NonNull::new(self.head);
        while let Some(mut list) = next {
            // SAFETY: ours.
            let list = unsafe { list.as_mut() };
            list.Status = status.0;
            next = NonNull::new(list.Next);
        }
    }

    /// Looks at every buffer of every packet, in order. The chain stays as it is.
    pub fn each_buffer(&self, mut look: impl FnMut(Buffer)) {
        let mut next = NonNull::new(self.head);
        while let Some(list) = next {
            let mut buffer = Packet(list).first();
            while let Some(this) = buffer {
                look(this);
                buffer = this.next();
            }
            // SAFETY: ours.
            next = NonNull::new(unsafe { list.as_ref() }.Next);
        }
    }

    /// Takes out those that `wanted` chooses.
    pub fn take_if(&mut self, mut wanted: impl FnMut(&Packet) -> bool) -> Self {
        let (mut kept, mut taken) = (Self::new(), Self::new());
        while let Some(packet) = self.pop() {
            if wanted(&packet) {
                taken.push(packet);
            } else {
                kept.push(packet);
            }
        }
        *self = kept;
        taken
    }
}

impl Default for Packets {
    fn default() -> Self {
        Self::new()
    }
}

/// A pool of packets with one buffer each.
#[derive(Debug)]
pub struct PacketPool {
    handle: *mut c_void,
    ndis: NdisHandle,
}

// SAFETY: NDIS synchronises its pools.
unsafe impl Send for PacketPool {}
// SAFETY: as above.
unsafe impl Sync for PacketPool {}

impl PacketPool {
    /// A pool. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(ndis: NdisHandle) -> Result<Ref<Self>, NoMemory> {
        let mut parameters = NET_BUFFER_LIST_POOL_PARAMETERS {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            },
            ProtocolId: condis::NDIS_PROTOCOL_ID_DEFAULT as u8,
            fAllocateNetBuffer: 1,
            ContextSize: 0,
            PoolTag: TAG,
            DataSize: 0,
        };
        // SAFETY: a live handle, complete parameters.
        let handle = unsafe { condis::NdisAllocateNetBufferListPool(ndis.as_raw(), &raw mut parameters) };
        if handle.is_null() {
            return Err(NoMemory);
        }
        let pool = Self { handle, ndis };
        Ref::try_new(pool)
    }
}

impl Drop for PacketPool {
    fn drop(&mut self) {
        // SAFETY: allocated by `try_new`; every packet of it held a reference.
        unsafe { condis::NdisFreeNetBufferListPool(self.handle) }
    }
}

/// A list of a pool with one buffer, over nonpaged memory of our own: what [`OwnPacket`] and [`super::message::Message`] share.
#[derive(Debug)]
pub(super) struct OwnList {
    list: NonNull<NET_BUFFER_LIST>,
    mdl: NonNull<MDL>,
    _pool: Ref<PacketPool>,
}

// SAFETY: as for packets.
unsafe impl Send for OwnList {}
// SAFETY: the list is written only by whoever has the packet or message that it is part of.
unsafe impl Sync for OwnList {}

impl OwnList {
    /// A list over `length` bytes. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    ///
    /// # Safety
    /// `address` leads to so many bytes of nonpaged memory, which stay as long as the list.
    pub(super) unsafe fn try_new(
        pool: &Ref<PacketPool>,
        address: *mut c_void,
        length: u32,
    ) -> Result<Self, NoMemory> {
        // SAFETY: a live handle, and the caller's promise.
        let mdl = unsafe { condis::NdisAllocateMdl(pool.ndis.as_raw(), address, length) };
        let mdl = NonNull::new(mdl).ok_or(NoMemory)?;
        // SAFETY: a live pool of lists with buffers, a complete MDL.
        let list = unsafe {
            condis::NdisAllocateNetBufferAndNetBufferList(pool.handle, 0, 0, mdl.as_ptr(), 0, length as usize)
        };
        let Some(list) = NonNull::new(list) else {
            // SAFETY: just allocated.
            unsafe { condis::NdisFreeMdl(mdl.as_ptr()) };
            return Err(NoMemory);
        };
        Ok(Self {
            list,
            mdl,
            _pool: pool.clone(),
        })
    }

    /// The list, whole again: with a buffer of `length` bytes after the first `offset`, and what `fill` writes of whom it is from.
    ///
    /// # Safety
    /// Nobody else has the list.
    pub(super) unsafe fn prepare(
        &self,
        (offset, length): (u32, u32),
        fill: impl FnOnce(&mut NET_BUFFER_LIST),
    ) -> NonNull<NET_BUFFER_LIST> {
        let mut list = self.list;
        // SAFETY: the caller's promise.
        let raw = unsafe { list.as_mut() };
        raw.Next = null_mut();
        raw.Status = 0;
        raw.Flags = 0;
        fill(raw);
        // SAFETY: the list's own buffer, ours with it.
        if let Some(buffer) = unsafe { raw.FirstNetBuffer.as_mut() } {
            buffer.Next = null_mut();
            buffer.MdlChain = self.mdl.as_ptr();
            buffer.CurrentMdl = self.mdl.as_ptr();
            buffer.CurrentMdlOffset = offset;
            buffer.DataOffset = offset;
            buffer.stDataLength = length as usize;
        }
        list
    }
}

impl Drop for OwnList {
    fn drop(&mut self) {
        // SAFETY: allocated by `try_new`; nobody else has it any more.
        unsafe { condis::NdisFreeNetBufferList(self.list.as_ptr()) }
        // SAFETY: as above.
        unsafe { condis::NdisFreeMdl(self.mdl.as_ptr()) }
    }
}

/// A packet of our own over a range of shared memory, used again and again.
#[derive(Debug)]
pub struct OwnPacket {
    // Before the memory that it describes.
    list: OwnList,
    _memory: Ref<SharedMemory>,
}

impl OwnPacket {
    /// A packet over `length` bytes at `offset` of `memory`. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(
        pool: &Ref<PacketPool>,
        memory: &Ref<SharedMemory>,
        offset: u32,
        length: u32,
    ) -> Result<Self, NoMemory> {
        let address = memory.range(offset as usize, length as usize, 1);
        // SAFETY: shared memory is nonpaged, and stays with the packet.
        let list = unsafe { OwnList::try_new(pool, address.as_ptr().cast(), length) }?;
        Ok(Self {
            list,
            _memory: memory.clone(),
        })
    }

    /// The packet, describing `length` bytes after the first `offset`, to be lent. It is with nobody else.
    pub fn lend(&self, source: *mut c_void, words: [*mut c_void; 2], offset: u32, length: u32) -> Packet {
        let fill = |list: &mut NET_BUFFER_LIST| {
            list.SourceHandle = source;
            list.MiniportReserved = words;
        };
        // SAFETY: ours: it is not lent.
        Packet(unsafe { self.list.prepare((offset, length), fill) })
    }
}
