//! Packets of a sender: their memory in all the shapes that senders use.

use std::ptr;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS_PENDING, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::kernel::{self, HostMemory};
use super::packet;
use crate::sim::{self, Stream};

/// What a list holds after its completion, where a driver that still uses it will notice (VRF-39).
const POISON: usize = 0xdead_0000_dead_0000;
/// Most bytes before the data of the first MDL, and behind that of the last.
const SLACK: u64 = 96;
/// Bytes of a page.
const PAGE: u64 = 4096;
/// Places in `NetBufferListInfo`.
const CHECKSUM: usize = 0;
pub(super) const LARGE_SEND: usize = 2;
const TAG: usize = 4;
const CANCEL_ID: usize = 5;
const HASH_VALUE: usize = 8;
const HASH_INFO: usize = 9;
/// A large send of the second version.
pub(super) const LARGE_SEND_V2: u32 = 1 << 30;
/// It is one of IPv6.
const LARGE_SEND_IPV6: u32 = 1 << 31;
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
    /// It is one message, to be cut into frames: the word says IPv6 if its type is that.
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

    /// `NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO` as a number.
    fn large_word(&self) -> u32 {
        let Some(large) = self.large else { return 0 };
        let kind = self.buffers.first().and_then(|frame| frame.get(12..14));
        let version = if kind == Some(&[0x86, 0xdd]) {
            LARGE_SEND_IPV6
        } else {
            0
        };
        LARGE_SEND_V2 | version | large.tcp_header << 20 | large.segment
    }
}

/// The memory of one list.
pub(super) struct Parts {
    pub(super) list: Box<NET_BUFFER_LIST>,
    /// The list's frames, the first one first.
    packets: Vec<Packet>,
}

/// The memory of one frame.
struct Packet {
    buffer: Box<NET_BUFFER>,
    pieces: Vec<Piece>,
}

/// An MDL and what it describes.
struct Piece {
    mdl: *mut MDL,
    data: HostMemory,
}

impl Piece {
    /// Memory at any offset of a page; now and then that of a program: locked, and not mapped into the system.
    fn new(bytes: &[u8]) -> Self {
        let mut data = HostMemory::at(sim::choose(Stream::Ndis, PAGE) as usize, bytes.len());
        data.copy_from_slice(bytes);
        let mdl = if sim::choose(Stream::Ndis, 8) == 0 {
            kernel::mdl_for_locked(&mut data)
        } else {
            kernel::mdl_for(&mut data)
        };
        Self { mdl, data }
    }
}

/// A frame in pieces of an MDL chain.
struct Cut {
    pieces: Vec<Vec<u8>>,
    /// The piece in which the data begins, and where in it.
    first: usize,
    offset: usize,
}

/// One in `of`.
fn rarely(of: u64) -> bool {
    sim::choose(Stream::Ndis, of) == 0
}

/// Places at which a frame is cut: none, or up to five anywhere, some of them twice.
fn places(length: usize) -> Vec<usize> {
    let cuts = [0, 0, 1, 5][sim::choose(Stream::Ndis, 4) as usize];
    let mut places = Vec::new();
    for _ in 0..if length > 1 { cuts } else { 0 } {
        let place = 1 + sim::choose(Stream::Ndis, length as u64) as usize;
        places.extend(std::iter::repeat_n(place, if rarely(4) { 2 } else { 1 }));
    }
    places.sort_unstable();
    places.push(length);
    places
}

/// Cuts a frame into pieces of any length, some of none; with bytes and pieces before and behind it that are no part of it.
fn cut(frame: &[u8]) -> Cut {
    let (mut from, mut pieces) = (0, Vec::new());
    for place in places(frame.len()) {
        pieces.push(frame[from..place].to_vec());
        from = place;
    }
    let slack =
        |most: u64| vec![0xee; (sim::choose(Stream::Ndis, 2) * sim::choose(Stream::Ndis, most)) as usize];
    let before = slack(SLACK);
    let offset = before.len();
    pieces[0].splice(0..0, before);
    pieces
        .last_mut()
        .into_iter()
        .for_each(|last| last.extend(slack(SLACK)));
    let first = usize::from(rarely(8));
    if first > 0 {
        pieces.insert(0, vec![0xee; sim::choose(Stream::Ndis, SLACK) as usize]);
    }
    if rarely(8) {
        pieces.push(slack(SLACK));
    }
    Cut {
        pieces,
        first,
        offset,
    }
}

impl Packet {
    fn new(frame: &[u8]) -> Self {
        let cut = cut(frame);
        let pieces: Vec<Piece> = cut.pieces.iter().map(|bytes| Piece::new(bytes)).collect();
        for pair in pieces.windows(2) {
            // SAFETY: MDLs that were just made.
            unsafe { (*pair[0].mdl).Next = pair[1].mdl };
        }
        let before: usize = pieces[..cut.first].iter().map(|piece| piece.data.len()).sum();
        // SAFETY: all fields of a NET_BUFFER may be zero.
        let mut buffer: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
        buffer.MdlChain = pieces[0].mdl;
        buffer.CurrentMdl = pieces[cut.first].mdl;
        buffer.CurrentMdlOffset = cut.offset as u32;
        buffer.DataOffset = (before + cut.offset) as u32;
        buffer.stDataLength = frame.len();
        Self { buffer, pieces }
    }

    fn poison(mut self) {
        for mut piece in self.pieces {
            kernel::mdl_free(piece.mdl);
            piece.data.fill(0xde);
            packet::bury(Box::new(piece.data));
        }
        self.buffer.CurrentMdl = POISON as *mut MDL;
        self.buffer.MdlChain = POISON as *mut MDL;
        self.buffer.Next = POISON as *mut NET_BUFFER;
        self.buffer.stDataLength = POISON;
        packet::bury(self.buffer);
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
        let mut set = |place: usize, word: usize| list.NetBufferListInfo[place] = word as *mut _;
        set(CHECKSUM, packet.checksums as usize);
        set(LARGE_SEND, packet.large_word() as usize);
        set(TAG, tag >> 13 | (tag >> 12 & 1) << 3 | (tag & 0xfff) << 4);
        set(CANCEL_ID, packet.cancel);
        if let Some(hash) = packet.hash {
            set(HASH_VALUE, hash as usize);
            set(HASH_INFO, HASH);
        }
        Self { list, packets }
    }

    /// Keeps the memory for long, but nothing in it makes sense any more.
    pub(super) fn poison(mut self) {
        self.packets.into_iter().for_each(Packet::poison);
        self.list.FirstNetBuffer = POISON as *mut NET_BUFFER;
        self.list.Next = POISON as *mut NET_BUFFER_LIST;
        packet::bury(self.list);
    }
}
