//! Packets of a sender: their memory in all the shapes that senders use, and what has to be true of it when they come back.

use std::ptr;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS_PENDING, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::kernel;
use crate::sim::{self, Stream};

/// What a list holds after its completion, where a driver that still uses it will notice (VRF-39).
const POISON: usize = 0xdead_0000_dead_0000;
/// Most bytes before the data of the first MDL, and behind that of the last.
const SLACK: u64 = 96;
/// Places in `NetBufferListInfo`.
const CHECKSUM: usize = 0;
const LARGE_SEND: usize = 2;
const TAG: usize = 4;
const CANCEL_ID: usize = 5;
const HASH_VALUE: usize = 8;
const HASH_INFO: usize = 9;
/// A large send of the second version.
const LARGE_SEND_V2: u32 = 1 << 30;
/// `NDIS_HASH_TCP_IPV4` with Toeplitz.
const HASH: usize = 0x201;

/// A large send: payload bytes of its segments, and where the TCP header begins in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeSend {
    /// Payload of each segment but the last.
    pub segment: u32,
    /// Bytes before the TCP header.
    pub tcp_header: u32,
}

/// A packet to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// A frame for each buffer, from its destination address on.
    pub buffers: Vec<Vec<u8>>,
    /// Tag control information of an 802.1Q header to be put in; 0: none.
    pub tag: u16,
    /// `NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.Transmit` as a number.
    pub checksums: u32,
    /// It is one message, to be cut into frames.
    pub large: Option<LargeSend>,
    /// The hash of its flow.
    pub hash: Option<u32>,
    /// `NetBufferListCancelId`.
    pub cancel: usize,
}

impl Outgoing {
    /// A packet of one frame.
    pub fn frame(bytes: &[u8]) -> Self {
        Self {
            buffers: vec![bytes.to_vec()],
            ..Self::default()
        }
    }
}

/// The memory of one list.
pub(super) struct Parts {
    pub(super) list: Box<NET_BUFFER_LIST>,
    /// The list's frames, the first one first.
    packets: Vec<Packet>,
    large: bool,
}

/// The memory of one frame.
struct Packet {
    buffer: Box<NET_BUFFER>,
    pieces: Vec<Piece>,
    /// What the sender wrote.
    frame: Vec<u8>,
    /// Where it begins in the first piece.
    offset: usize,
}

/// An MDL and what it describes.
struct Piece {
    mdl: *mut MDL,
    data: Box<[u8]>,
}

impl Piece {
    fn new(mut data: Box<[u8]>) -> Self {
        // Now and then memory of a program: locked, and not mapped into the system.
        let mdl = if sim::choose(Stream::Ndis, 8) == 0 {
            kernel::mdl_for_locked(&mut data)
        } else {
            kernel::mdl_for(&mut data)
        };
        Self { mdl, data }
    }
}

/// Cuts a frame into pieces: one, or up to six of any length, some of none.
fn cut(frame: &[u8]) -> (usize, Vec<Box<[u8]>>) {
    let offset = if sim::choose(Stream::Ndis, 2) == 0 {
        0
    } else {
        sim::choose(Stream::Ndis, SLACK) as usize
    };
    let behind = sim::choose(Stream::Ndis, 2) * sim::choose(Stream::Ndis, SLACK);
    let cuts = [0, 0, 1, 5][sim::choose(Stream::Ndis, 4) as usize];
    let mut places: Vec<usize> = (0..cuts)
        .map(|_| sim::choose(Stream::Ndis, frame.len() as u64 + 1) as usize)
        .collect();
    places.sort_unstable();
    places.push(frame.len());
    let (mut from, mut pieces) = (0, Vec::new());
    for place in places {
        pieces.push(frame[from..place].to_vec());
        from = place;
    }
    pieces[0].splice(0..0, std::iter::repeat_n(0xee, offset));
    if let Some(last) = pieces.last_mut() {
        last.extend(std::iter::repeat_n(0xee, behind as usize));
    }
    (offset, pieces.into_iter().map(Vec::into_boxed_slice).collect())
}

impl Packet {
    fn new(frame: &[u8]) -> Self {
        let (offset, pieces) = cut(frame);
        let pieces: Vec<Piece> = pieces.into_iter().map(Piece::new).collect();
        for pair in pieces.windows(2) {
            // SAFETY: MDLs that were just made.
            unsafe { (*pair[0].mdl).Next = pair[1].mdl };
        }
        // SAFETY: all fields of a NET_BUFFER may be zero.
        let mut buffer: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
        buffer.CurrentMdl = pieces[0].mdl;
        buffer.MdlChain = pieces[0].mdl;
        buffer.CurrentMdlOffset = offset as u32;
        buffer.DataOffset = offset as u32;
        buffer.stDataLength = frame.len();
        Self {
            buffer,
            pieces,
            frame: frame.to_vec(),
            offset,
        }
    }

    /// SEND-04: the buffer and its data are what they were.
    fn expect_unchanged(&self) {
        let bytes = self.pieces.iter().flat_map(|piece| piece.data.iter().copied());
        let data = bytes.skip(self.offset).take(self.frame.len());
        let same = self.buffer.CurrentMdl == self.pieces[0].mdl
            && self.buffer.CurrentMdlOffset as usize == self.offset
            && self.buffer.stDataLength == self.frame.len()
            && data.eq(self.frame.iter().copied());
        if !same {
            sim::fail(
                "SEND-04",
                "a buffer or its data were changed while the miniport had it",
            );
        }
    }

    fn poison(self) {
        for piece in self.pieces {
            kernel::mdl_free(piece.mdl);
            Box::leak(piece.data).fill(0xde);
        }
        let buffer = Box::leak(self.buffer);
        buffer.CurrentMdl = ptr::null_mut();
        buffer.Next = POISON as *mut NET_BUFFER;
        buffer.stDataLength = POISON;
    }
}

impl Parts {
    pub(super) fn new(packet: &Outgoing, source: NDIS_HANDLE) -> Self {
        let mut packets: Vec<Packet> = packet.buffers.iter().map(|frame| Packet::new(frame)).collect();
        let mut next = ptr::null_mut();
        for part in packets.iter_mut().rev() {
            part.buffer.Next = next;
            next = &raw mut *part.buffer;
        }
        // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
        let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
        list.FirstNetBuffer = next;
        list.Status = NDIS_STATUS_PENDING;
        list.SourceHandle = source;
        let tag = usize::from(packet.tag);
        let large = packet
            .large
            .map_or(0, |large| LARGE_SEND_V2 | large.tcp_header << 20 | large.segment);
        let mut set = |place: usize, word: usize| list.NetBufferListInfo[place] = word as *mut _;
        set(CHECKSUM, packet.checksums as usize);
        set(LARGE_SEND, large as usize);
        set(TAG, tag >> 13 | (tag >> 12 & 1) << 3 | (tag & 0xfff) << 4);
        set(CANCEL_ID, packet.cancel);
        if let Some(hash) = packet.hash {
            set(HASH_VALUE, hash as usize);
            set(HASH_INFO, HASH);
        }
        Self {
            list,
            packets,
            large: packet.large.is_some(),
        }
    }

    /// The addresses of its buffers.
    pub(super) fn buffers(&self) -> impl Iterator<Item = usize> + '_ {
        self.packets
            .iter()
            .map(|packet| (&raw const *packet.buffer) as usize)
    }

    /// SEND-04, OFL-07: what the miniport may not change is what it was, and a large send that was sent says so.
    pub(super) fn expect_whole(&self, sent: bool) {
        let mut next = self.list.FirstNetBuffer;
        for packet in &self.packets {
            if !ptr::eq(next, &raw const *packet.buffer) {
                sim::fail(
                    "SEND-04",
                    "the buffers of a packet were changed while the miniport had it",
                );
            }
            packet.expect_unchanged();
            next = packet.buffer.Next;
        }
        let word = self.list.NetBufferListInfo[LARGE_SEND] as usize as u32;
        if self.large && sent && word != LARGE_SEND_V2 {
            sim::fail("OFL-07", format!("a large send completed with {word:#x}"));
        }
    }

    /// Keeps the memory, but nothing in it makes sense any more.
    pub(super) fn poison(self) {
        self.packets.into_iter().for_each(Packet::poison);
        let list = Box::leak(self.list);
        list.FirstNetBuffer = POISON as *mut NET_BUFFER;
        list.Next = POISON as *mut NET_BUFFER_LIST;
    }
}
