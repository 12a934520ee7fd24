//! What a completion says, and its 64 bytes (connectx.md section 8).

use cxndk::hw::layout;

use super::ids::Qpn;

/// Why a WQE failed: `syndrome` of an error CQE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the verbs statuses")]
pub enum Syndrome {
    LocalLength = 0x01,
    LocalQpOperation = 0x02,
    LocalProtection = 0x04,
    Flushed = 0x05,
    MemoryWindowBind = 0x06,
    BadResponse = 0x10,
    LocalAccess = 0x11,
    RemoteInvalidRequest = 0x12,
    RemoteAccess = 0x13,
    RemoteOperation = 0x14,
    TransportRetryExceeded = 0x15,
    RnrRetryExceeded = 0x16,
    RemoteAborted = 0x22,
}

/// How a receive WQE was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// RDMA write with immediate; the immediate as it stood on the wire.
    WriteImmediate(u32),
    /// Send.
    Send,
    /// Send with immediate; the immediate as it stood on the wire.
    SendImmediate(u32),
    /// Send with invalidate; the key that is now invalid.
    SendInvalidate(u32),
}

/// Where a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Queue pair that sent it.
    pub source_qpn: Qpn,
    /// `roce_l3_header_type`: 0 GRH (v1), 1 IPv6, 2 IPv4.
    pub l3_type: u8,
    /// P_Key of its BTH.
    pub pkey: u16,
}

/// What a completion tells of an Ethernet frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EtherFrame {
    /// Bytes placed: without check sequence and stripped tag, with padding.
    pub byte_count: u32,
    /// Tag control information of the tag that was taken out.
    pub vlan: Option<u16>,
    /// The hash.
    pub hash: u32,
    /// What it covers: bits 3 and 2 IPv6 and IPv4, bits 7 and 6 UDP and TCP; 0 without.
    pub hash_kind: u8,
    /// 0 no IP, 1 IPv6, 2 IPv4.
    pub l3_kind: u8,
    /// 0 none, 1 TCP, 2 UDP, 3 a bare acknowledgement of TCP, 4 one with data.
    pub l4_kind: u8,
    /// A fragment.
    pub fragment: bool,
    /// The IP header is sane, and of IPv4 its checksum right.
    pub l3_ok: bool,
    /// The TCP or UDP checksum is right.
    pub l4_ok: bool,
}

/// The kind of a completion, with what only that kind carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CqeKind {
    /// A send queue WQE, and all before it, is done.
    Requester {
        /// Opcode of the WQE.
        wqe_opcode: u8,
        /// Bytes that came back from a read (or 8 from an atomic).
        byte_count: u32,
    },
    /// A receive WQE was used up.
    Responder {
        /// How.
        received: Received,
        /// Bytes placed, with the 40 bytes of GRH space of datagrams.
        byte_count: u32,
        /// Set for datagram services.
        datagram: Option<Datagram>,
    },
    /// An Ethernet receive WQE holds a frame.
    Frame(EtherFrame),
    /// A send queue WQE failed or was flushed.
    RequesterError {
        /// Opcode of the WQE.
        wqe_opcode: u8,
        /// Why.
        syndrome: Syndrome,
        /// The device maker's own number for it.
        vendor: u8,
    },
    /// A receive WQE failed or was flushed.
    ResponderError {
        /// Why.
        syndrome: Syndrome,
        /// The device maker's own number for it.
        vendor: u8,
    },
}

/// A completion to be written by [`super::Device::post_cqe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CqeSpec {
    /// Queue pair.
    pub qpn: Qpn,
    /// What CQEs of that queue pair carry as user index.
    pub user_index: u32,
    /// Send blocks: counter of the WQE's first block. Receive: counter of the WQE.
    pub wqe_counter: u16,
    /// The solicited bit (the peer's SE for receives, completion mode 3 for sends).
    pub solicited: bool,
    /// The rest.
    pub kind: CqeKind,
}

impl CqeSpec {
    /// Errors count as solicited when the queue is armed for solicited completions only.
    pub const fn wakes_solicited(&self) -> bool {
        self.solicited
            || matches!(
                self.kind,
                CqeKind::RequesterError { .. } | CqeKind::ResponderError { .. }
            )
    }

    /// The 64 bytes, with the owner bit as given.
    pub fn encode(&self, owner: bool, timestamp: u64) -> [u8; 64] {
        let mut bytes = [0; 64];
        match self.kind {
            CqeKind::Requester { .. } | CqeKind::Responder { .. } | CqeKind::Frame(_) => {
                self.encode_success(&mut bytes, timestamp);
            }
            CqeKind::RequesterError {
                wqe_opcode,
                syndrome,
                vendor,
            } => {
                self.encode_error(&mut bytes, 13, wqe_opcode, syndrome, vendor);
            }
            CqeKind::ResponderError { syndrome, vendor } => {
                self.encode_error(&mut bytes, 14, 0, syndrome, vendor);
            }
        }
        bytes[63] |= u8::from(owner);
        bytes
    }

    fn encode_success(&self, bytes: &mut [u8; 64], timestamp: u64) {
        let Some(cqe) = layout::HwCqe64::from_bytes_mut(bytes) else {
            return;
        };
        cqe.set_srqn_user_index(self.user_index);
        cqe.set_qpn(self.qpn.0);
        cqe.set_wqe_counter(u32::from(self.wqe_counter));
        cqe.set_timestamp(timestamp);
        cqe.set_se(u32::from(self.solicited));
        match self.kind {
            CqeKind::Requester {
                wqe_opcode,
                byte_count,
            } => {
                cqe.set_send_wqe_opcode(u32::from(wqe_opcode));
                cqe.set_byte_cnt(byte_count);
            }
            CqeKind::Responder {
                received,
                byte_count,
                datagram,
            } => {
                let (opcode, immediate) = match received {
                    Received::WriteImmediate(immediate) => (1, immediate),
                    Received::Send => (2, 0),
                    Received::SendImmediate(immediate) => (3, immediate),
                    Received::SendInvalidate(key) => (4, key),
                };
                cqe.set_opcode(opcode);
                cqe.set_byte_cnt(byte_count);
                cqe.set_imm_inval_pkey_metadata(immediate);
                if let Some(datagram) = datagram {
                    cqe.set_grh(1);
                    cqe.set_rqpn(datagram.source_qpn.0);
                    cqe.set_roce_l3_header_type(u32::from(datagram.l3_type));
                    if matches!(received, Received::Send) {
                        cqe.set_imm_inval_pkey_metadata(u32::from(datagram.pkey));
                    }
                }
            }
            CqeKind::Frame(frame) => encode_frame(cqe, &frame),
            CqeKind::RequesterError { .. } | CqeKind::ResponderError { .. } => {}
        }
    }

    fn encode_error(
        &self,
        bytes: &mut [u8; 64],
        opcode: u32,
        wqe_opcode: u8,
        syndrome: Syndrome,
        vendor: u8,
    ) {
        let Some(cqe) = layout::HwErrCqe::from_bytes_mut(bytes) else {
            return;
        };
        cqe.set_srqn_user_index(self.user_index);
        cqe.set_qpn(self.qpn.0);
        cqe.set_s_wqe_opcode(u32::from(wqe_opcode));
        cqe.set_wqe_counter(u32::from(self.wqe_counter));
        cqe.set_syndrome(syndrome as u32);
        cqe.set_vendor_error_syndrome(u32::from(vendor));
        cqe.set_opcode(opcode);
    }
}

fn encode_frame(cqe: &mut layout::HwCqe64, frame: &EtherFrame) {
    cqe.set_opcode(2).set_byte_cnt(frame.byte_count);
    cqe.set_rx_hash_result(frame.hash)
        .set_rx_hash_type(u32::from(frame.hash_kind));
    if let Some(tag) = frame.vlan {
        cqe.set_cv(1).set_vlan_info(u32::from(tag));
    }
    cqe.set_l2_ok(1)
        .set_l3_ok(u32::from(frame.l3_ok))
        .set_l4_ok(u32::from(frame.l4_ok));
    cqe.set_l3_hdr_type(u32::from(frame.l3_kind))
        .set_l4_hdr_type(u32::from(frame.l4_kind))
        .set_ip_frag(u32::from(frame.fragment));
}
