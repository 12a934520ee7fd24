//! Queue pairs: what the commands made of them, as the transport engine reads it.

use std::cell::{Cell, RefCell};

use cxndk::hw::layout;

use super::Device;
use super::ids::{Cqn, Key, Pdn, Qpn, Uarn};
use super::mac;
use super::memory::PagedBuffer;
use crate::platform::DmaFault;

/// State of a queue pair, with the codes of qpc.state (connectx.md section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Created or reset; takes no work.
    Reset = 0,
    /// Receive WQEs may be posted.
    Init = 1,
    /// Receives.
    ReadyToReceive = 2,
    /// Sends too.
    ReadyToSend = 3,
    /// Send queue of an unconnected QP met an error.
    SendQueueError = 4,
    /// Everything posted is flushed.
    Error = 6,
}

/// Transport service, qpc.st.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Reliable connection.
    ReliableConnection,
    /// Unreliable connection.
    UnreliableConnection,
    /// Unreliable datagram.
    UnreliableDatagram,
    /// QP1 of the port: datagrams with the management Q_Key.
    Management,
    /// Posts only memory key updates.
    Registration,
}

/// Where a connected queue pair sends to: the decoded `ads` of its primary path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Index of the own address in the [`super::gid::GidTable`].
    pub gid_index: u8,
    /// Hop limit or time to live.
    pub hop_limit: u8,
    /// IPv6 flow label, 20 bits.
    pub flow_label: u32,
    /// The peer's GID; IPv4 addresses are mapped (`::ffff:a.b.c.d`).
    pub remote_gid: [u8; 16],
    /// Differentiated services code point, 6 bits.
    pub dscp: u8,
    /// UDP source port.
    pub udp_source_port: u16,
    /// 802.1p priority, used if the GID entry has a VLAN.
    pub priority: u8,
    /// MAC address of the next hop.
    pub remote_mac: [u8; 6],
    /// Index into the P_Key table, which has the one entry 0xffff.
    pub pkey_index: u16,
    /// Local ack timeout code, 0 is forever, else 4.096 us * 2^n.
    pub ack_timeout: u8,
}

/// Decoded context. Refreshed at every transition; W5's engine copies what it needs often.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields are those of the context"
)]
pub struct Attributes {
    /// Transport service.
    pub service: Service,
    /// Protection domain of the queue pair and of all local keys it uses.
    pub pd: Pdn,
    /// UAR page whose doorbells serve the send queue.
    pub uar: Uarn,
    /// Completion queue of the send queue.
    pub send_cq: Cqn,
    /// Completion queue of the receive queue.
    pub receive_cq: Cqn,
    /// The doorbell record: be32 receive counter, be32 send counter.
    pub doorbell_record: u64,
    /// Receive WQEs in the ring, a power of two; 0 if there is no receive queue.
    pub receive_entries: u32,
    /// Bytes of a receive WQE.
    pub receive_stride: u32,
    /// 64-byte building blocks in the send ring, a power of two; 0 if there is no send queue.
    pub send_blocks: u32,
    /// The reserved lkey may be used.
    pub reserved_lkey: bool,
    /// Fast registration is allowed on the send queue (qpc.fre).
    pub fast_register: bool,
    /// What CQEs carry as user index (`cqe_version` 1).
    pub user_index: u32,
    /// Counter set for out-of-sequence and similar events; 0 for none.
    pub counter_set: u8,
    /// Path MTU in bytes.
    pub mtu: u32,
    /// Longest message in bytes.
    pub max_message: u64,
    /// Peer queue pair.
    pub remote_qpn: Qpn,
    /// PSN of the first request expected (set at RTR).
    pub next_receive_psn: u32,
    /// PSN of the first request to send (set at RTS).
    pub next_send_psn: u32,
    /// Reads and atomics that this side may have outstanding.
    pub max_initiated: u32,
    /// Reads and atomics of the peer that this side keeps resources for.
    pub max_served: u32,
    /// The peer may read.
    pub remote_read: bool,
    /// The peer may write.
    pub remote_write: bool,
    /// The peer may do atomics.
    pub remote_atomic: bool,
    /// 5-bit code of the RNR NAK timer that this side asks for.
    pub min_rnr_nak: u8,
    /// Retries after timeouts and sequence errors, 0..7.
    pub retry_count: u8,
    /// Retries after RNR NAKs, 7 is without end.
    pub rnr_retry: u8,
    /// Primary path.
    pub path: Path,
    /// Q_Key of datagram services.
    pub q_key: u32,
}

/// A queue pair.
pub struct Qp {
    /// Its number; 1 for the management queue pair.
    pub number: Qpn,
    /// Where it is in its life. Change it with [`Device::qp_error`] or by command only.
    pub state: Cell<State>,
    /// Decoded context.
    pub attributes: RefCell<Attributes>,
    /// The context as stored by the commands.
    pub context: RefCell<layout::Qpc>,
    /// Receive ring at offset 0, send ring behind it.
    pub buffer: PagedBuffer,
    /// Offset of the send ring in `buffer`.
    pub send_offset: u64,
}

impl Qp {
    /// Reads receive WQE number `index` (a running counter; the ring position is its remainder).
    ///
    /// # Errors
    /// The ring or the record is out of reach.
    pub fn receive_wqe(&self, device: &Device, index: u32) -> Result<Vec<u8>, DmaFault> {
        let (entries, stride) = {
            let attributes = self.attributes.borrow();
            (attributes.receive_entries, attributes.receive_stride)
        };
        let mut wqe = vec![0; stride as usize];
        let offset = u64::from(index & (entries - 1)) * u64::from(stride);
        self.buffer.read(device, offset, &mut wqe)?;
        Ok(wqe)
    }

    /// Reads building block number `index` (a running counter) of the send ring. WQEs may wrap around its end.
    ///
    /// # Errors
    /// The ring or the record is out of reach.
    pub fn send_block(&self, device: &Device, index: u16) -> Result<[u8; 64], DmaFault> {
        let blocks = self.attributes.borrow().send_blocks;
        let mut block = [0; 64];
        let offset = self.send_offset + u64::from(u32::from(index) & (blocks - 1)) * 64;
        self.buffer.read(device, offset, &mut block)?;
        Ok(block)
    }

    /// The 16-bit counter of posted receive WQEs, from the doorbell record.
    ///
    /// # Errors
    /// The ring or the record is out of reach.
    pub fn posted_receives(&self, device: &Device) -> Result<u16, DmaFault> {
        self.record(device, 0)
    }

    /// The 16-bit counter of posted send blocks, from the doorbell record.
    ///
    /// # Errors
    /// The ring or the record is out of reach.
    pub fn posted_sends(&self, device: &Device) -> Result<u16, DmaFault> {
        self.record(device, 4)
    }

    fn record(&self, device: &Device, offset: u64) -> Result<u16, DmaFault> {
        let mut counter = [0; 4];
        let record = self.attributes.borrow().doorbell_record;
        device.dma_read(record + offset, &mut counter)?;
        Ok(u32::from_be_bytes(counter) as u16)
    }

    /// Who this queue pair is when it uses a memory key on the local side.
    pub fn accessor(&self) -> Accessor {
        let attributes = self.attributes.borrow();
        Accessor {
            pd: attributes.pd,
            qpn: self.number,
            reserved_lkey: attributes.reserved_lkey,
        }
    }
}

/// On whose behalf memory is reached: decides which keys are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accessor {
    /// Protection domain that the key must belong to.
    pub pd: Pdn,
    /// Queue pair that a key bound to one must be bound to.
    pub qpn: Qpn,
    /// The device's reserved lkey may be used (qpc.rlky; never for a peer's access).
    pub reserved_lkey: bool,
}

/// Affiliated asynchronous events of a queue pair (connectx.md section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QpEvent {
    /// First packet arrived while in RTR.
    CommunicationEstablished = 0x02,
    /// The send queue is drained.
    SendQueueDrained = 0x03,
    /// A WQE or completion queue could not be used.
    WorkQueueCatastrophic = 0x05,
    /// The last WQE of a queue pair on a shared receive queue was consumed.
    LastWqeReached = 0x13,
    /// The peer's request was invalid.
    InvalidRequest = 0x10,
    /// The peer's request, or a WQE, broke the rights of a key.
    AccessViolation = 0x11,
}

/// Terminates a receive WQE's list of data segments (connectx.md section 10).
pub const TERMINATE_LKEY: Key = Key(0x100);

impl Service {
    /// From qpc.st.
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::ReliableConnection),
            1 => Some(Self::UnreliableConnection),
            2 => Some(Self::UnreliableDatagram),
            8 => Some(Self::Management),
            0xc => Some(Self::Registration),
            _ => None,
        }
    }
}

impl Path {
    fn decode(path: &layout::Ads) -> Self {
        Self {
            gid_index: path.src_addr_index() as u8,
            hop_limit: path.hop_limit() as u8,
            flow_label: path.flow_label(),
            remote_gid: *path.rgid_rip(),
            dscp: path.dscp() as u8,
            udp_source_port: path.udp_sport() as u16,
            priority: path.eth_prio() as u8,
            remote_mac: mac::from_fields(path.rmac_47_32(), path.rmac_31_0()),
            pkey_index: path.pkey_index() as u16,
            ack_timeout: path.ack_timeout() as u8,
        }
    }
}

impl Attributes {
    /// Reads a context.
    pub(super) fn decode(context: &layout::Qpc, service: Service) -> Self {
        let receives = context.rq_type() == 0;
        Self {
            service,
            pd: Pdn(context.pd()),
            uar: Uarn(context.uar_page()),
            send_cq: Cqn(context.cqn_snd()),
            receive_cq: Cqn(context.cqn_rcv()),
            doorbell_record: context.dbr_addr(),
            receive_entries: if receives { 1 << context.log_rq_size() } else { 0 },
            receive_stride: 16 << context.log_rq_stride(),
            send_blocks: if context.no_sq() == 0 {
                1 << context.log_sq_size()
            } else {
                0
            },
            reserved_lkey: context.rlky() != 0,
            fast_register: context.fre() != 0,
            user_index: context.user_index(),
            counter_set: context.counter_set_id() as u8,
            mtu: 128 << context.mtu(),
            max_message: 1 << context.log_msg_max(),
            remote_qpn: Qpn(context.remote_qpn()),
            next_receive_psn: context.next_rcv_psn(),
            next_send_psn: context.next_send_psn(),
            max_initiated: 1 << context.log_sra_max(),
            max_served: 1 << context.log_rra_max(),
            remote_read: context.rre() != 0,
            remote_write: context.rwe() != 0,
            remote_atomic: context.rae() != 0,
            min_rnr_nak: context.min_rnr_nak() as u8,
            retry_count: context.retry_count() as u8,
            rnr_retry: context.rnr_retry() as u8,
            path: Path::decode(context.primary_address_path()),
            q_key: context.q_key(),
        }
    }

    /// The UDP source port that the device picks when software does not: from the flow label, or from both numbers.
    pub(super) fn computed_source_port(&self, own: Qpn) -> u16 {
        let label = if self.path.flow_label == 0 {
            let mut product = u64::from(own.0) * u64::from(self.remote_qpn.0);
            product ^= product >> 20;
            product ^= product >> 40;
            (product & 0xf_ffff) as u32
        } else {
            self.path.flow_label
        };
        (((label & 0x3fff) ^ ((label & 0xf_c000) >> 14)) | 0xc000) as u16
    }
}

impl Qp {
    /// Goes to `state`, without telling the engine.
    pub(super) fn enter(&self, state: State) {
        self.state.set(state);
        self.context.borrow_mut().set_state(state as u32);
    }
}
