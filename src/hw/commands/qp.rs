//! Queue pairs and their transitions.

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{
            CreateQpIn, CreateQpOut, DestroyQpIn, Init2rtrQpIn, Qp2errIn, Qp2rstIn, Qpc, Rst2initQpIn,
            Rtr2rtsQpIn, opcode,
        },
        qp_attributes::{GSI_QKEY, ReadyToReceive, ReadyToSend},
        types::{Mtu, Qpn},
    },
    command, not_zero, output, put_pages,
};

/// Path migration state of a queue pair that does not migrate.
const MIGRATED: u32 = 3;
/// The port: functions have one.
const PORT: u32 = 1;
/// log2 of the packets after which the requester asks for an acknowledgement.
const LOG_ACK_REQ_FREQ: u32 = 8;
/// log2 of the longest datagram of general services.
const LOG_DATAGRAM: u32 = 8;
/// Hop limits below this are raised to [`HOP_LIMIT`].
const MIN_HOP_LIMIT: u8 = 2;
/// The hop limit when the caller names none.
const HOP_LIMIT: u32 = 64;

/// Bits of `opt_param_mask`.
const REMOTE_READ: u32 = 1 << 1;
const REMOTE_WRITE: u32 = 1 << 3;

/// Makes a queue pair.
#[derive(Clone, Debug)]
pub struct CreateQp<P> {
    /// Its context.
    pub context: Qpc,
    /// Bus addresses of the pages of its rings.
    pub pages: P,
}

impl<P: ExactSizeIterator<Item = u64> + Clone> Command for CreateQp<P> {
    const OPCODE: u16 = opcode::CREATE_QP;
    type Out = Qpn;

    fn input_length(&self) -> usize {
        CreateQpIn::SIZE + 8 * self.pages.len()
    }

    fn output_length(&self) -> usize {
        CreateQpOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateQpIn::new();
        head.set_opcode(u32::from(Self::OPCODE));
        *head.qpc_mut() = self.context;
        input.put(head.as_bytes());
        put_pages(input, self.pages.clone());
    }

    fn decode(&self, source: &dyn Source) -> Result<Qpn, Lie> {
        Ok(Qpn::new(not_zero(output!(source, CreateQpOut).qpn(), "qpn")?))
    }
}

command! {
    /// Destroys a queue pair.
    pub struct DestroyQp {
        /// The queue pair.
        pub qpn: Qpn,
    }
    DESTROY_QP, DestroyQpIn as |this, input| { input.set_qpn(this.qpn.raw()); }
}

command! {
    /// To the error state.
    pub struct QpToError {
        /// The queue pair.
        pub qpn: Qpn,
    }
    QP_2ERR_QP, Qp2errIn as |this, input| { input.set_qpn(this.qpn.raw()); }
}

command! {
    /// To the reset state.
    pub struct QpToReset {
        /// The queue pair.
        pub qpn: Qpn,
    }
    QP_2RST_QP, Qp2rstIn as |this, input| { input.set_qpn(this.qpn.raw()); }
}

command! {
    /// Reset to init. The context repeats what the queue pair was made with.
    pub struct Rst2Init {
        /// The queue pair.
        pub qpn: Qpn,
        /// It serves general services.
        pub gsi: bool,
        /// The context that it was made with.
        pub context: Qpc,
    }
    RST2INIT_QP, Rst2initQpIn as |this, input| {
        input.set_qpn(this.qpn.raw());
        let context = input.qpc_mut();
        *context = this.context;
        context.set_pm_state(MIGRATED);
        context.primary_address_path_mut().set_vhca_port_num(PORT);
        if this.gsi {
            context.set_q_key(GSI_QKEY);
        }
    }
}

command! {
    /// Init to ready-to-receive.
    pub struct Init2Rtr {
        /// The queue pair.
        pub qpn: Qpn,
        /// Which optional attributes count.
        pub options: u32,
        /// Attributes.
        pub context: Qpc,
    }
    INIT2RTR_QP, Init2rtrQpIn as |this, input| {
        input.set_qpn(this.qpn.raw()).set_opt_param_mask(this.options);
        *input.qpc_mut() = this.context;
    }
}

impl Init2Rtr {
    /// Of a reliable connection.
    pub fn connected(
        qpn: Qpn,
        attributes: &ReadyToReceive,
        log_max_message: u32,
        log_responder: u32,
    ) -> Self {
        let mut context = Qpc::new();
        let reads = attributes.responder_resources != 0;
        context
            .set_pm_state(MIGRATED)
            .set_mtu(attributes.mtu as u32)
            .set_log_msg_max(log_max_message)
            .set_remote_qpn(attributes.remote_qpn.raw())
            .set_log_rra_max(log_responder)
            .set_rre(u32::from(reads))
            .set_rwe(u32::from(attributes.allow_write))
            .set_min_rnr_nak(u32::from(attributes.min_rnr_nak))
            .set_next_rcv_psn(attributes.receive_psn.raw());
        let hops = attributes.hop_limit;
        context
            .primary_address_path_mut()
            .set_src_addr_index(u32::from(attributes.source.0))
            .set_hop_limit(if hops < MIN_HOP_LIMIT {
                HOP_LIMIT
            } else {
                u32::from(hops)
            })
            .set_rgid_rip(&attributes.destination.0)
            .set_dscp(u32::from(attributes.traffic_class >> 2))
            .set_udp_sport(u32::from(attributes.udp_source_port))
            .set_eth_prio(u32::from(attributes.priority))
            .set_vhca_port_num(PORT)
            .set_rmac_47_32(attributes.mac.high())
            .set_rmac_31_0(attributes.mac.low());
        Self {
            qpn,
            options: REMOTE_READ | REMOTE_WRITE,
            context,
        }
    }

    /// Of a datagram queue pair for general services.
    pub fn datagram(qpn: Qpn) -> Self {
        let mut context = Qpc::new();
        context
            .set_pm_state(MIGRATED)
            .set_mtu(Mtu::B256 as u32)
            .set_log_msg_max(LOG_DATAGRAM);
        context.primary_address_path_mut().set_vhca_port_num(PORT);
        Self {
            qpn,
            options: 0,
            context,
        }
    }
}

command! {
    /// Ready-to-receive to ready-to-send.
    pub struct Rtr2Rts {
        /// The queue pair.
        pub qpn: Qpn,
        /// Attributes.
        pub context: Qpc,
    }
    RTR2RTS_QP, Rtr2rtsQpIn as |this, input| {
        input.set_qpn(this.qpn.raw());
        *input.qpc_mut() = this.context;
    }
}

impl Rtr2Rts {
    /// Of a reliable connection.
    pub fn connected(qpn: Qpn, attributes: &ReadyToSend, log_initiator: u32) -> Self {
        let mut context = Qpc::new();
        context
            .set_pm_state(MIGRATED)
            .set_log_ack_req_freq(LOG_ACK_REQ_FREQ)
            .set_log_sra_max(log_initiator)
            .set_retry_count(u32::from(attributes.retry_count))
            .set_rnr_retry(u32::from(attributes.rnr_retry))
            .set_next_send_psn(attributes.send_psn.raw());
        context
            .primary_address_path_mut()
            .set_ack_timeout(u32::from(attributes.ack_timeout));
        Self { qpn, context }
    }

    /// Of a datagram queue pair.
    pub fn datagram(qpn: Qpn) -> Self {
        let mut context = Qpc::new();
        context.set_pm_state(MIGRATED);
        Self { qpn, context }
    }
}
