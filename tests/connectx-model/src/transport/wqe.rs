//! Work queue elements: from the bytes in a ring to what they ask for, with the checks of the device (connectx.md 10 to 12).

use cxndk::hw::layout::{
    HwWqeAtomicSeg, HwWqeAvSeg, HwWqeCtrlSeg, HwWqeDataSeg, HwWqeInlineSeg, HwWqeRaddrSeg,
};

use super::context::Piece;
use super::host::{KeyUpdate, Place};
use super::packet::Trailer;
use crate::command::is_clear;
use crate::{Key, Qpn, Service, Syndrome, TERMINATE_LKEY, UmrRequest};

/// Length of a segment, and the unit of the control segment's ds.
const UNIT: usize = 16;
/// Bit 31 of the first dword tells inline data from a data segment.
const INLINE: u32 = 1 << 31;
/// A byte count of 0 stands for this many.
const WHOLE: u64 = 1 << 31;

/// Pieces of a read: its element has 512 bytes at most.
const LONGEST_READ: usize = 30;
/// The bits of a control segment that mean something, a dword at a time. Signatures and streams are not offered.
const CONTROL: [u32; 4] = [0xffff_ffff, 0xffff_ff3f, 0x0000_00ee, 0xffff_ffff];
/// Those of a remote address segment.
const REMOTE: [u32; 4] = [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0];
/// Those of the head of an inline segment.
const INLINE_HEAD: [u32; 1] = [0x8000_03ff];

/// Opcodes of the control segment.
mod code {
    pub(super) const NOP: u32 = 0x00;
    pub(super) const SEND_INVALIDATE: u32 = 0x01;
    pub(super) const WRITE: u32 = 0x08;
    pub(super) const WRITE_IMMEDIATE: u32 = 0x09;
    pub(super) const SEND: u32 = 0x0a;
    pub(super) const SEND_IMMEDIATE: u32 = 0x0b;
    pub(super) const READ: u32 = 0x10;
    pub(super) const COMPARE_SWAP: u32 = 0x11;
    pub(super) const FETCH_ADD: u32 = 0x12;
    pub(super) const UMR: u32 = 0x25;
}

/// When a WQE may begin (control segment bits 7:5 of `fm_ce_se`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// At once. Small fences order key updates, which this device executes on the spot.
    None,
    /// After all earlier reads and atomics.
    Reads,
    /// After everything earlier.
    All,
}

/// What a WQE asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Nothing.
    Nop,
    /// A message into a receive WQE of the peer.
    Send(Trailer),
    /// Bytes into the peer's memory.
    Write(Place, Trailer),
    /// Bytes out of the peer's memory.
    Read(Place),
    /// Compare and swap.
    CompareSwap(Place, u64, u64),
    /// Fetch and add.
    FetchAdd(Place, u64),
    /// A change of a memory key. A list that is not inline is what the data segments name.
    Update(Key, Box<KeyUpdate>),
}

/// The local bytes of a WQE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Behind memory keys.
    Pieces(Vec<Piece>),
    /// In the WQE.
    Inline(Vec<u8>),
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressVector {
    /// Q_Key; if bit 31 is set, the queue pair's own counts.
    pub qkey: u32,
    /// Destination queue pair.
    pub destination: Qpn,
    /// UDP source port.
    pub source_port: u16,
    /// MAC address of the next hop.
    pub mac: [u8; 6],
    /// Traffic class: DSCP and ECN.
    pub traffic_class: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Own address.
    pub gid_index: u8,
    /// IPv6 flow label.
    pub flow_label: u32,
    /// Remote GID.
    pub gid: [u8; 16],
    /// 802.1p priority.
    pub priority: u8,
}

/// A send work queue element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wqe {
    /// Counter of its first block.
    pub counter: u16,
    /// Opcode of its control segment.
    pub opcode: u8,
    /// When it may begin.
    pub fence: Fence,
    /// A completion is wanted even if all goes well.
    pub signaled: bool,
    /// Its completion shall raise an event even where only solicited ones do (completion mode 3).
    pub urgent: bool,
    /// The peer's completion shall be solicited.
    pub solicited: bool,
    /// What it asks for.
    pub operation: Operation,
    /// Local bytes.
    pub data: Data,
    /// How many.
    pub length: u64,
    /// Of datagrams.
    pub address: Option<AddressVector>,
}

/// The control segment, with what of it is needed to get past a WQE that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Opcode.
    pub opcode: u8,
    /// Blocks that the WQE takes, at least 1.
    pub blocks: u16,
    segment: HwWqeCtrlSeg,
}

impl Control {
    /// Reads the control segment at the head of a block.
    pub fn parse(block: &[u8; 64]) -> Self {
        let segment = HwWqeCtrlSeg::from_bytes(block).copied().unwrap_or_default();
        let blocks = segment.ds().div_ceil(4).max(1) as u16;
        Self {
            opcode: segment.opcode() as u8,
            blocks,
            segment,
        }
    }
}

/// Who owns the ring that a WQE was found in, and where.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Queue pair.
    pub qpn: Qpn,
    /// Its service.
    pub service: Service,
    /// Counter of the WQE's first block.
    pub counter: u16,
}

impl Wqe {
    /// Reads a WQE whose blocks are `bytes`.
    ///
    /// # Errors
    /// The syndrome with which it completes: local QP operation for whatever is malformed.
    pub fn parse(origin: Origin, control: &Control, bytes: &[u8]) -> Result<Self, Syndrome> {
        const BAD: Syndrome = Syndrome::LocalQpOperation;
        let segment = &control.segment;
        let own = segment.wqe_index() == u32::from(origin.counter) && segment.qp_or_sq() == origin.qpn.0;
        let size = segment.ds() as usize * UNIT;
        if !own || size < UNIT || segment.opmod() != 0 || !is_clear(segment.as_bytes(), &CONTROL) {
            return Err(BAD);
        }
        let mut cursor = Cursor {
            rest: bytes.get(UNIT..size).ok_or(BAD)?,
        };
        let datagram = matches!(origin.service, Service::UnreliableDatagram | Service::Management);
        let address = if datagram && segment.opcode() != code::NOP {
            Some(address(&mut cursor)?)
        } else {
            None
        };
        let operation = operation(segment, &mut cursor)?;
        if !offers(origin.service, &operation) {
            return Err(BAD);
        }
        let data = data(&operation, &mut cursor)?;
        let length = match &data {
            Data::Pieces(pieces) => pieces.iter().map(|piece| piece.length).sum(),
            Data::Inline(bytes) => bytes.len() as u64,
        };
        let wqe = Self {
            counter: origin.counter,
            opcode: segment.opcode() as u8,
            fence: fence(segment.fence_mode()).ok_or(BAD)?,
            signaled: segment.completion_mode() >= 2,
            urgent: segment.completion_mode() == 3,
            solicited: segment.solicited_event() != 0,
            operation,
            data,
            length,
            address,
        };
        wqe.consistent().then_some(wqe).ok_or(BAD)
    }

    /// One of its pieces has the byte count 0, which stands for more bytes than a message has.
    pub fn has_whole_piece(&self) -> bool {
        matches!(&self.data, Data::Pieces(pieces) if has_whole(pieces))
    }

    /// The data fit the operation.
    fn consistent(&self) -> bool {
        match self.operation {
            Operation::Nop => self.length == 0,
            Operation::Read(_) => {
                matches!(&self.data, Data::Pieces(pieces) if pieces.len() <= LONGEST_READ)
            }
            Operation::CompareSwap(..) | Operation::FetchAdd(..) => {
                self.length == 8 && matches!(&self.data, Data::Pieces(pieces) if pieces.len() == 1)
            }
            Operation::Send(_) | Operation::Write(..) | Operation::Update(..) => true,
        }
    }

    /// Waits for responses with data: counts against the limit of reads and atomics.
    pub const fn is_read_or_atomic(&self) -> bool {
        matches!(
            self.operation,
            Operation::Read(_) | Operation::CompareSwap(..) | Operation::FetchAdd(..)
        )
    }

    /// Done by the device alone, without a packet.
    pub const fn is_local(&self) -> bool {
        matches!(self.operation, Operation::Nop | Operation::Update(..))
    }
}

/// What the transport service can do.
const fn offers(service: Service, operation: &Operation) -> bool {
    match service {
        Service::ReliableConnection => true,
        Service::UnreliableConnection => !matches!(
            operation,
            Operation::Read(_) | Operation::CompareSwap(..) | Operation::FetchAdd(..)
        ),
        Service::UnreliableDatagram | Service::Management => matches!(
            operation,
            Operation::Nop | Operation::Send(Trailer::Plain | Trailer::Immediate(_))
        ),
        Service::Registration => matches!(operation, Operation::Nop | Operation::Update(..)),
    }
}

/// One of the pieces has the byte count 0.
pub fn has_whole(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| piece.length == WHOLE)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The next `size` bytes, which are a multiple of the unit.
    fn take(&mut self, size: usize) -> Result<&'a [u8], Syndrome> {
        let (head, rest) = self
            .rest
            .split_at_checked(size)
            .ok_or(Syndrome::LocalQpOperation)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Syndrome> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn is_inline(&self) -> bool {
        self.rest.first().is_some_and(|byte| byte & 0x80 != 0)
    }
}

const fn fence(mode: u32) -> Option<Fence> {
    match mode {
        0 | 1 => Some(Fence::None),
        2 | 4 => Some(Fence::Reads),
        3 => Some(Fence::All),
        _ => None,
    }
}

fn operation(control: &HwWqeCtrlSeg, cursor: &mut Cursor<'_>) -> Result<Operation, Syndrome> {
    let immediate = control.imm_inv_umr_key();
    Ok(match control.opcode() {
        code::NOP => Operation::Nop,
        code::SEND => Operation::Send(Trailer::Plain),
        code::SEND_IMMEDIATE => Operation::Send(Trailer::Immediate(immediate)),
        code::SEND_INVALIDATE => Operation::Send(Trailer::Invalidate(immediate)),
        code::WRITE => Operation::Write(remote(cursor)?, Trailer::Plain),
        code::WRITE_IMMEDIATE => Operation::Write(remote(cursor)?, Trailer::Immediate(immediate)),
        code::READ => Operation::Read(remote(cursor)?),
        code::COMPARE_SWAP => {
            let (place, operands) = (remote(cursor)?, atomic(cursor)?);
            Operation::CompareSwap(place, operands.0, operands.1)
        }
        code::FETCH_ADD => {
            let (place, operands) = (remote(cursor)?, atomic(cursor)?);
            Operation::FetchAdd(place, operands.0)
        }
        code::UMR => {
            let update = KeyUpdate {
                control: cursor.array()?,
                context: cursor.array()?,
            };
            Operation::Update(Key(immediate), Box::new(update))
        }
        _ => return Err(Syndrome::LocalQpOperation),
    })
}

fn remote(cursor: &mut Cursor<'_>) -> Result<Place, Syndrome> {
    let bytes = cursor.take(HwWqeRaddrSeg::SIZE)?;
    let segment = HwWqeRaddrSeg::from_bytes(bytes).ok_or(Syndrome::LocalQpOperation)?;
    if !is_clear(bytes, &REMOTE) {
        return Err(Syndrome::LocalQpOperation);
    }
    Ok(Place {
        key: Key(segment.rkey()),
        address: segment.remote_virtual_address(),
    })
}

/// What to swap in or add, and what to compare with.
fn atomic(cursor: &mut Cursor<'_>) -> Result<(u64, u64), Syndrome> {
    let segment =
        HwWqeAtomicSeg::from_bytes(cursor.take(HwWqeAtomicSeg::SIZE)?).ok_or(Syndrome::LocalQpOperation)?;
    Ok((segment.swap_or_add_data(), segment.compare_data()))
}

fn address(cursor: &mut Cursor<'_>) -> Result<AddressVector, Syndrome> {
    let segment = HwWqeAvSeg::from_bytes(cursor.take(HwWqeAvSeg::SIZE)?).ok_or(Syndrome::LocalQpOperation)?;
    if segment.extended() == 0 || segment.grh() == 0 {
        return Err(Syndrome::LocalQpOperation);
    }
    let mut mac = [0; 6];
    mac[..4].copy_from_slice(&segment.rmac_47_16().to_be_bytes());
    mac[4..].copy_from_slice(&(segment.rmac_15_0() as u16).to_be_bytes());
    Ok(AddressVector {
        qkey: segment.qkey(),
        destination: Qpn(segment.dqpn()),
        source_port: segment.rlid_or_udp_sport() as u16,
        mac,
        traffic_class: segment.tclass() as u8,
        hop_limit: segment.hop_limit() as u8,
        gid_index: segment.src_addr_index() as u8,
        flow_label: segment.flow_label(),
        gid: *segment.rgid_or_rip(),
        priority: (segment.sl_eth_prio() >> 1) as u8,
    })
}

fn data(operation: &Operation, cursor: &mut Cursor<'_>) -> Result<Data, Syndrome> {
    match operation {
        Operation::Update(_, update) if UmrRequest::list_is_inline(&update.control) => {
            Ok(Data::Inline(cursor.rest.to_vec()))
        }
        Operation::Update(_, update) if UmrRequest::list_bytes(&update.control) == 0 => {
            Ok(Data::Inline(Vec::new()))
        }
        Operation::Send(_) | Operation::Write(..) if cursor.is_inline() => inline(cursor),
        _ => Ok(Data::Pieces(pieces(cursor.rest, true)?)),
    }
}

/// Inline segments up to the end of the WQE: a length, the bytes, padding to the next unit.
fn inline(cursor: &mut Cursor<'_>) -> Result<Data, Syndrome> {
    let mut bytes = Vec::new();
    while !cursor.rest.is_empty() {
        let header = HwWqeInlineSeg::from_bytes(cursor.rest).ok_or(Syndrome::LocalQpOperation)?;
        if header.inline() == 0 || !is_clear(header.as_bytes(), &INLINE_HEAD) {
            return Err(Syndrome::LocalQpOperation);
        }
        let length = header.byte_count() as usize;
        let segment = cursor.take((HwWqeInlineSeg::SIZE + length).next_multiple_of(UNIT))?;
        bytes.extend_from_slice(&segment[HwWqeInlineSeg::SIZE..][..length]);
    }
    Ok(Data::Inline(bytes))
}

/// Data segments: to the end of `bytes` in a send WQE, to the terminator or the end in a receive WQE.
fn pieces(bytes: &[u8], send: bool) -> Result<Vec<Piece>, Syndrome> {
    let mut pieces = Vec::with_capacity(bytes.len() / UNIT);
    for chunk in bytes.chunks_exact(UNIT) {
        let segment = HwWqeDataSeg::from_bytes(chunk).ok_or(Syndrome::LocalQpOperation)?;
        let inline = chunk[0] & (INLINE >> 24) as u8 != 0;
        let key = Key(segment.lkey());
        if !send && key == TERMINATE_LKEY && segment.byte_count() == 0 {
            break;
        }
        if inline {
            return Err(Syndrome::LocalQpOperation);
        }
        let length = if segment.byte_count() == 0 {
            WHOLE
        } else {
            u64::from(segment.byte_count())
        };
        pieces.push(Piece {
            place: Place {
                key,
                address: segment.local_virtual_address(),
            },
            length,
        });
    }
    Ok(pieces)
}

/// The scatter list of a receive WQE.
///
/// # Errors
/// The syndrome with which it completes.
pub fn receive_pieces(bytes: &[u8]) -> Result<Vec<Piece>, Syndrome> {
    pieces(bytes, false)
}
