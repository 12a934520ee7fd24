//! Event queues and completion queues.

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{
            Cqc, CreateCqIn, CreateCqOut, CreateEqIn, CreateEqOut, DestroyCqIn, DestroyEqIn, Eqc, ModifyCqIn,
            opcode,
        },
        types::{Cqn, Eqn, Moderation},
    },
    command, output, put_pages,
};

/// Makes an event queue.
#[derive(Clone, Debug)]
pub struct CreateEq<P> {
    /// Its context.
    pub context: Eqc,
    /// Events that it gets: bit n stands for type n.
    pub events: u64,
    /// Bus addresses of the pages of its ring.
    pub pages: P,
}

impl<P: ExactSizeIterator<Item = u64> + Clone> Command for CreateEq<P> {
    const OPCODE: u16 = opcode::CREATE_EQ;
    type Out = Eqn;

    fn input_length(&self) -> usize {
        CreateEqIn::SIZE + 8 * self.pages.len()
    }

    fn output_length(&self) -> usize {
        CreateEqOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateEqIn::new();
        head.set_opcode(u32::from(Self::OPCODE))
            .set_event_bitmask(0, self.events);
        *head.eq_context_entry_mut() = self.context;
        input.put(head.as_bytes());
        put_pages(input, self.pages.clone());
    }

    fn decode(&self, source: &dyn Source) -> Result<Eqn, Lie> {
        Ok(Eqn(output!(source, CreateEqOut).eq_number() as u8))
    }
}

command! {
    /// Destroys an event queue.
    pub struct DestroyEq {
        /// The queue.
        pub eqn: Eqn,
    }
    DESTROY_EQ, DestroyEqIn as |this, input| { input.set_eq_number(u32::from(this.eqn.0)); }
}

/// Makes a completion queue.
#[derive(Clone, Debug)]
pub struct CreateCq<P> {
    /// Its context.
    pub context: Cqc,
    /// Bus addresses of the pages of its ring.
    pub pages: P,
}

impl<P: ExactSizeIterator<Item = u64> + Clone> Command for CreateCq<P> {
    const OPCODE: u16 = opcode::CREATE_CQ;
    type Out = Cqn;

    fn input_length(&self) -> usize {
        CreateCqIn::SIZE + 8 * self.pages.len()
    }

    fn output_length(&self) -> usize {
        CreateCqOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateCqIn::new();
        head.set_opcode(u32::from(Self::OPCODE));
        *head.cq_context_mut() = self.context;
        input.put(head.as_bytes());
        put_pages(input, self.pages.clone());
    }

    fn decode(&self, source: &dyn Source) -> Result<Cqn, Lie> {
        Ok(Cqn::new(output!(source, CreateCqOut).cqn()))
    }
}

command! {
    /// Destroys a completion queue.
    pub struct DestroyCq {
        /// The queue.
        pub cqn: Cqn,
    }
    DESTROY_CQ, DestroyCqIn as |this, input| { input.set_cqn(this.cqn.raw()); }
}

/// Fields that [`ModerateCq`] changes: period and count.
const PERIOD_AND_COUNT: u32 = 1 | 2;

command! {
    /// Sets the interrupt moderation of a completion queue.
    pub struct ModerateCq {
        /// The queue.
        pub cqn: Cqn,
        /// The moderation.
        pub moderation: Moderation,
    }
    MODIFY_CQ, ModifyCqIn as |this, input| {
        input
            .set_cqn(this.cqn.raw())
            .set_modify_field_select_resize_field_select(&PERIOD_AND_COUNT.to_be_bytes());
        input
            .cq_context_mut()
            .set_cq_period(u32::from(this.moderation.period_us))
            .set_cq_max_count(u32::from(this.moderation.count));
    }
}
