//! How a world comes up, and how it comes to rest.

use cxndk::co::machine::call::{Call, Creator};
use cxndk::co::machine::leg::{Happened, Stage};
use cxndk::nt::Status;

use crate::contract::{Party, check};
use crate::moves::{Move, Outcome, Size};
use crate::world::{Leg, World};

impl World {
    /// With a call that stands, and so many parties.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn standing(size: Size) -> Result<Self, String> {
        let mut world = Self::new(size);
        world.take(Move::Make)?;
        world.come_up()?;
        for _ in 1..size.parties {
            world.take(Move::Add)?;
            world.come_up()?;
        }
        Ok(world)
    }

    /// The worker goes on, and peers accept, until nothing is due.
    fn come_up(&mut self) -> Result<(), String> {
        while !self.todo.is_empty() || self.due().is_some() {
            self.work(Outcome::Well)?;
            for leg in self.legs.iter_mut().filter(|leg| leg.linked) {
                leg.happened |= Happened::REPLIED;
            }
        }
        Ok(())
    }

    /// What is pending ends, as everybody does what he must: NDIS answers, packets come back, the client decides and at last closes; and
    /// either all connections end, or the first peer says nothing unless it is asked to let go.
    ///
    /// # Errors
    /// The rule that was broken, or what never ended.
    pub fn settle(mut self, silent: bool) -> Result<(), String> {
        for _ in 0..3 {
            self.rest(silent)?;
            if self.contract.may_close() && self.contract.parties.len() < 2 {
                self.take(Move::Close)?;
            }
            let parties = self.contract.parties.clone();
            for (id, party) in parties.iter().skip(1) {
                if !self.contract.close && *party == Party::There {
                    self.take(Move::Drop(*id))?;
                }
            }
        }
        self.rest(silent)?;
        self.contract.nothing_pends(self.call.call())?;
        let over = match self.size.creator {
            Creator::Client => matches!(self.call.call(), Call::Idle | Call::Deleted),
            Creator::Manager => self.contract.deleted,
        };
        check(
            over && self.legs.is_empty(),
            "GEN-02, CLOSE-10: a call that is closed ends, and a VC of ours with it",
        )
    }

    /// Until nothing is due.
    fn rest(&mut self, silent: bool) -> Result<(), String> {
        for _ in 0..400 {
            let pends = self.contract.activation_pends;
            if pends && self.todo.is_empty() {
                self.take(Move::Activated(Status::SUCCESS))?;
            }
            if self.todo.is_empty() && self.contract.offered && !self.contract.decided {
                self.take(Move::Decide(true))?;
            }
            for leg in &mut self.legs {
                leg.rest(silent);
            }
            if self.todo.is_empty() && self.due().is_none() {
                return Ok(());
            }
            self.work(Outcome::Well)?;
        }
        Err("GEN-02: the worker never rests".into())
    }
}

impl Leg {
    /// What must happen about it happens.
    fn rest(&mut self, silent: bool) {
        self.lent = false;
        if !self.linked {
            return;
        }
        if self.asked {
            self.answer = Some(false);
        }
        self.happened |= match self.machine.stage() {
            // The way to the peer, and back, ends in bounded time.
            Stage::Leaving if silent && self.saying => Happened::SAID,
            Stage::Disconnecting => Happened::DISCONNECTED,
            _ if silent && self.id == 0 => return,
            _ => Happened::ABORTED,
        };
    }
}
