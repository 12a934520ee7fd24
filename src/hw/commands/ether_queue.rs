//! Ethernet send and receive queues (connectx ethernet, sections 1.4, 1.5 and 1.7).

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{
            CreateRqIn, CreateRqOut, CreateSqIn, CreateSqOut, DestroyRqIn, DestroySqIn, ModifyRqIn,
            ModifySqIn, Rqc, Sqc, opcode,
        },
        types::{Rqn, Sqn},
    },
    command, output, put_pages,
};

/// Where a queue is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum QueueState {
    /// It takes nothing.
    Reset = 0,
    /// At work.
    Ready = 1,
    /// Stopped by an error, or by a command: what was posted completes with the flush error.
    Error = 3,
}

/// Makes a send queue.
#[derive(Clone, Debug)]
pub struct CreateSq<P> {
    /// Its context.
    pub context: Sqc,
    /// Bus addresses of the pages of its ring.
    pub pages: P,
}

impl<P: ExactSizeIterator<Item = u64> + Clone> Command for CreateSq<P> {
    const OPCODE: u16 = opcode::CREATE_SQ;
    type Out = Sqn;

    fn input_length(&self) -> usize {
        CreateSqIn::SIZE + 8 * self.pages.len()
    }

    fn output_length(&self) -> usize {
        CreateSqOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateSqIn::new();
        head.set_opcode(u32::from(Self::OPCODE));
        *head.ctx_mut() = self.context;
        input.put(head.as_bytes());
        put_pages(input, self.pages.clone());
    }

    fn decode(&self, source: &dyn Source) -> Result<Sqn, Lie> {
        Ok(Sqn::new(output!(source, CreateSqOut).sqn()))
    }
}

command! {
    /// Brings a send queue from one state to another.
    pub struct ModifySq {
        /// The queue.
        pub sqn: Sqn,
        /// Where it is.
        pub from: QueueState,
        /// Where it goes.
        pub to: QueueState,
    }
    MODIFY_SQ, ModifySqIn as |this, input| {
        input.set_sqn(this.sqn.raw()).set_sq_state(this.from as u32);
        input.ctx_mut().set_state(this.to as u32);
    }
}

command! {
    /// Destroys a send queue, in whatever state.
    pub struct DestroySq {
        /// The queue.
        pub sqn: Sqn,
    }
    DESTROY_SQ, DestroySqIn as |this, input| { input.set_sqn(this.sqn.raw()); }
}

/// Makes a receive queue.
#[derive(Clone, Debug)]
pub struct CreateRq<P> {
    /// Its context.
    pub context: Rqc,
    /// Bus addresses of the pages of its ring.
    pub pages: P,
}

impl<P: ExactSizeIterator<Item = u64> + Clone> Command for CreateRq<P> {
    const OPCODE: u16 = opcode::CREATE_RQ;
    type Out = Rqn;

    fn input_length(&self) -> usize {
        CreateRqIn::SIZE + 8 * self.pages.len()
    }

    fn output_length(&self) -> usize {
        CreateRqOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateRqIn::new();
        head.set_opcode(u32::from(Self::OPCODE));
        *head.ctx_mut() = self.context;
        input.put(head.as_bytes());
        put_pages(input, self.pages.clone());
    }

    fn decode(&self, source: &dyn Source) -> Result<Rqn, Lie> {
        Ok(Rqn::new(output!(source, CreateRqOut).rqn()))
    }
}

command! {
    /// Brings a receive queue from one state to another.
    pub struct ModifyRq {
        /// The queue.
        pub rqn: Rqn,
        /// Where it is.
        pub from: QueueState,
        /// Where it goes.
        pub to: QueueState,
    }
    MODIFY_RQ, ModifyRqIn as |this, input| {
        input.set_rqn(this.rqn.raw()).set_rq_state(this.from as u32);
        input.ctx_mut().set_state(this.to as u32);
    }
}

command! {
    /// Destroys a receive queue, in whatever state; no table and no TIR leads to it.
    pub struct DestroyRq {
        /// The queue.
        pub rqn: Rqn,
    }
    DESTROY_RQ, DestroyRqIn as |this, input| { input.set_rqn(this.rqn.raw()); }
}
