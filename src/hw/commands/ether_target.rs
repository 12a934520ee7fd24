//! What Ethernet queues hang on: transport domains, TIS, receive queue tables and TIR (connectx ethernet, sections 1.3, 1.6 and 5).

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{
            AllocTransportDomainIn, AllocTransportDomainOut, CreateRqtIn, CreateRqtOut, CreateTirIn,
            CreateTirOut, CreateTisIn, CreateTisOut, DeallocTransportDomainIn, DestroyRqtIn, DestroyTirIn,
            DestroyTisIn, ModifyRqtIn, ModifyTirIn, Rqtc, Tirc, opcode,
        },
        types::{Rqn, Rqtn, Tirn, Tisn, TransportDomain},
    },
    ACK, command, output,
};

command! {
    /// Makes a transport domain: frames that leave it do not come back into it.
    pub struct AllocTransportDomain {}
    ALLOC_TRANSPORT_DOMAIN, AllocTransportDomainIn as |_this, _input| {},
    AllocTransportDomainOut -> TransportDomain as |output| { Ok(TransportDomain::new(output.transport_domain())) }
}

command! {
    /// Gives a transport domain back.
    pub struct DeallocTransportDomain {
        /// The domain.
        pub domain: TransportDomain,
    }
    DEALLOC_TRANSPORT_DOMAIN, DeallocTransportDomainIn as |this, input| {
        input.set_transport_domain(this.domain.raw());
    }
}

command! {
    /// Makes the transport interface of send queues.
    pub struct CreateTis {
        /// Its domain.
        pub domain: TransportDomain,
        /// Its priority class, 0..=7.
        pub class: u8,
    }
    CREATE_TIS, CreateTisIn as |this, input| {
        // The lowest bit of the field is not used on Ethernet.
        let priority = u32::from(this.class) << 1;
        input.ctx_mut().set_transport_domain(this.domain.raw()).set_prio(priority);
    },
    CreateTisOut -> Tisn as |output| { Ok(Tisn::new(output.tisn())) }
}

command! {
    /// Destroys a transport interface of send queues.
    pub struct DestroyTis {
        /// The interface.
        pub tisn: Tisn,
    }
    DESTROY_TIS, DestroyTisIn as |this, input| { input.set_tisn(this.tisn.raw()); }
}

/// The context of a table of so many queues.
fn table(most: u32, queues: usize) -> Rqtc {
    let mut context = Rqtc::new();
    context.set_rqt_max_size(most).set_rqt_actual_size(queues as u32);
    context
}

fn put_queues(input: &mut dyn Sink, queues: impl Iterator<Item = Rqn>) {
    for queue in queues {
        input.put(&queue.raw().to_be_bytes());
    }
}

/// Makes a receive queue table.
#[derive(Clone, Debug)]
pub struct CreateRqt<Q> {
    /// Entries that it may ever have.
    pub most: u32,
    /// Its queues, a power of two of them.
    pub queues: Q,
}

impl<Q: ExactSizeIterator<Item = Rqn> + Clone> Command for CreateRqt<Q> {
    const OPCODE: u16 = opcode::CREATE_RQT;
    type Out = Rqtn;

    fn input_length(&self) -> usize {
        CreateRqtIn::SIZE + 4 * self.queues.len()
    }

    fn output_length(&self) -> usize {
        CreateRqtOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateRqtIn::new();
        head.set_opcode(u32::from(Self::OPCODE));
        *head.rqt_context_mut() = table(self.most, self.queues.len());
        input.put(head.as_bytes());
        put_queues(input, self.queues.clone());
    }

    fn decode(&self, source: &dyn Source) -> Result<Rqtn, Lie> {
        Ok(Rqtn::new(output!(source, CreateRqtOut).rqtn()))
    }
}

/// Gives a receive queue table another list, at once and under traffic.
#[derive(Clone, Debug)]
pub struct ModifyRqt<Q> {
    /// The table.
    pub rqtn: Rqtn,
    /// Its queues, a power of two of them.
    pub queues: Q,
}

impl<Q: ExactSizeIterator<Item = Rqn> + Clone> Command for ModifyRqt<Q> {
    const OPCODE: u16 = opcode::MODIFY_RQT;
    type Out = ();

    fn input_length(&self) -> usize {
        ModifyRqtIn::SIZE + 4 * self.queues.len()
    }

    fn output_length(&self) -> usize {
        ACK
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = ModifyRqtIn::new();
        head.set_opcode(u32::from(Self::OPCODE)).set_rqtn(self.rqtn.raw());
        head.bitmask_mut().set_rqn_list(1);
        *head.ctx_mut() = table(0, self.queues.len());
        input.put(head.as_bytes());
        put_queues(input, self.queues.clone());
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

command! {
    /// Destroys a receive queue table; no TIR leads to it.
    pub struct DestroyRqt {
        /// The table.
        pub rqtn: Rqtn,
    }
    DESTROY_RQT, DestroyRqtIn as |this, input| { input.set_rqtn(this.rqtn.raw()); }
}

/// Bytes of a Toeplitz key.
pub const HASH_KEY: usize = 40;

/// What of a frame is hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashFields {
    /// IPv6; else IPv4.
    pub ipv6: bool,
    /// UDP; else TCP.
    pub udp: bool,
    /// The ports too; else the addresses alone.
    pub ports: bool,
}

/// Where the frames of a TIR go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spread {
    /// To one queue.
    Direct(Rqn),
    /// Over a table, by the Toeplitz hash with this key.
    Hashed(Rqtn, HashFields, [u8; HASH_KEY]),
}

impl Spread {
    fn write(&self, context: &mut Tirc) {
        /// `disp_type` of a table.
        const INDIRECT: u32 = 1;
        /// `rx_hash_fn`.
        const TOEPLITZ: u32 = 2;
        /// `selected_fields`.
        const ADDRESSES: u32 = 3;
        const PORTS: u32 = 0xc;

        match self {
            Self::Direct(queue) => {
                context.set_inline_rqn(queue.raw());
            }
            Self::Hashed(table, fields, key) => {
                context
                    .set_disp_type(INDIRECT)
                    .set_indirect_table(table.raw())
                    .set_rx_hash_fn(TOEPLITZ)
                    .set_rx_hash_toeplitz_key(key);
                context
                    .rx_hash_field_selector_outer_mut()
                    .set_l3_prot_type(u32::from(fields.ipv6))
                    .set_l4_prot_type(u32::from(fields.udp))
                    .set_selected_fields(ADDRESSES | if fields.ports { PORTS } else { 0 });
            }
        }
    }
}

command! {
    /// Makes a transport interface of received frames. It takes nothing that its own domain sent.
    pub struct CreateTir {
        /// Its domain.
        pub domain: TransportDomain,
        /// Where its frames go.
        pub spread: Spread,
    }
    CREATE_TIR, CreateTirIn as |this, input| {
        let context = input.ctx_mut();
        context.set_transport_domain(this.domain.raw());
        this.spread.write(context);
    },
    CreateTirOut -> Tirn as |output| { Ok(Tirn::new(output.tirn())) }
}

command! {
    /// Says again that the interface takes nothing that its own domain sent: old firmware knows only the send queues that were there before.
    pub struct BlockLoopback {
        /// The interface.
        pub tirn: Tirn,
    }
    MODIFY_TIR, ModifyTirIn as |this, input| {
        input.set_tirn(this.tirn.raw());
        input.bitmask_mut().set_self_lb_en(1);
    }
}

command! {
    /// Hashes otherwise, from the next frame on; the table stays.
    pub struct HashTir {
        /// The interface.
        pub tirn: Tirn,
        /// How.
        pub spread: Spread,
    }
    MODIFY_TIR, ModifyTirIn as |this, input| {
        input.set_tirn(this.tirn.raw());
        input.bitmask_mut().set_hash(1);
        this.spread.write(input.ctx_mut());
    }
}

command! {
    /// Destroys a transport interface of received frames; no flow table entry leads to it.
    pub struct DestroyTir {
        /// The interface.
        pub tirn: Tirn,
    }
    DESTROY_TIR, DestroyTirIn as |this, input| { input.set_tirn(this.tirn.raw()); }
}
