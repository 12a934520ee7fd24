//! What a run does, step by step, and how it undoes that from wherever it was broken off.
//!
//! It runs at `PASSIVE_LEVEL` in a work item, and it alone asks NDIS for anything. Every wait on the way forward has an end, and ends
//! early when the run is broken off. On the way back the completions that the contract promises are waited for; if one of them
//! is late, the program gets its answer meanwhile.

use core::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
};

use super::{
    ask, protocol,
    report::{Step, TestReport},
    run::{Life, Run, Way},
    side::{self, DEPTH, Side, Test},
};
use crate::{
    co::{
        format::{Call, Flow, Sap},
        params::OwnParams,
        upcall::Handle,
    },
    dyn_ref,
    nt::{
        NdisHandle, NonPaged, Passive, Ref, Status, Vec, message::Message, net, packet::PacketPool, pool,
        time::Instant,
    },
};

/// Longest time without any progress on the way forward, and of a step on the way back before the program is answered.
const PATIENCE_MS: u64 = 15_000;
/// Between looks at what does not announce itself.
const LOOK_MS: u32 = 100;
/// Before what was refused is asked for again.
const RETRY_MS: u32 = 2;
/// Receive buffers of a side.
const RECEIVES: u16 = 32;
/// Where the SAP's port is looked for, and how many are tried.
const FIRST_PORT: u16 = 40_000;
/// See [`FIRST_PORT`].
const PORTS: u16 = 16;

/// Before there are messages, and after.
const NO_MESSAGES: [Vec<Message>; 2] = [Vec::new_in(NonPaged), Vec::new_in(NonPaged)];

/// A run's progress.
pub(super) struct Script<'a> {
    run: &'a Ref<Run>,
    passive: Passive<'a>,
    report: TestReport,
    registered: bool,
    caller: Option<Ref<Side>>,
    packets: Option<Ref<PacketPool>>,
    /// Messages of the caller, then of the taker.
    messages: [Vec<Message>; 2],
    address: Option<IpAddr>,
    port: u16,
}

impl<'a> Script<'a> {
    /// For a run that has begun.
    pub(super) fn new(run: &'a Ref<Run>, passive: Passive<'a>) -> Self {
        Self {
            run,
            passive,
            report: TestReport::new(run.plan().luid),
            registered: false,
            caller: None,
            packets: None,
            messages: NO_MESSAGES,
            address: None,
            port: 0,
        }
    }

    /// Does the test and undoes everything but the registration of the client. When this returns nothing of it is on the adapter, and
    /// its memory is given back.
    pub(super) fn run(&mut self) {
        // Noted in the report.
        let _ = self.forward();
        self.backward();
    }

    /// Deregisters the client; NDIS calls nothing of it when this returns. Not for anything that NDIS may wait for.
    pub(super) fn deregister(&mut self) {
        if self.registered {
            protocol::deregister(self.run, self.passive);
            self.note_end(Step::Deregister);
        }
        self.run.publish(&self.report);
    }

    fn forward(&mut self) -> Result<(), ()> {
        self.step(Step::Address, Self::find_address)?;
        self.step(Step::Register, Self::register)?;
        self.step(Step::Bind, |this| {
            this.wait(|| life_of(this.run.state.lock().adapter.life))
        })?;
        self.step(Step::Family, |this| {
            this.wait(|| life_of(this.run.state.lock().family.life))
        })?;
        self.step(Step::Sap, Self::register_sap)?;
        for call in 0..self.run.plan().calls {
            self.step(Step::Call, |this| this.call(call))?;
            self.step(Step::Exchange, Self::exchange)?;
            self.step(Step::Close, |this| this.close(call))?;
        }
        Ok(())
    }

    fn step(&mut self, step: Step, act: impl FnOnce(&mut Self) -> Result<(), Status>) -> Result<(), ()> {
        let aborted = self.run.state.lock().aborted;
        let done = aborted.map_or(Ok(()), Err).and_then(|()| act(self));
        self.report.note(step, done.into());
        done.map_err(|_| ())
    }

    /// Waits until `look` finds something, the run is broken off, or it has been quiet for too long.
    fn wait<T>(&self, look: impl Fn() -> Option<Result<T, Status>>) -> Result<T, Status> {
        let begun = Instant::now();
        loop {
            self.run.news().reset();
            if let Some(why) = self.run.state.lock().aborted {
                return Err(why);
            }
            if let Some(found) = look() {
                return found;
            }
            if Instant::now().ms_since(begun) > PATIENCE_MS {
                return Err(Status::IO_TIMEOUT);
            }
            self.rest(LOOK_MS);
        }
    }

    /// Until the next news, or for so long.
    fn rest(&self, milliseconds: u32) {
        let look = NonZeroU32::new(milliseconds).unwrap_or(NonZeroU32::MIN);
        let _ = self.run.news().wait_ms(look, self.passive);
    }

    /// Waits for what is bound to come. If it is late the program gets its answer, and `step` its status.
    fn wait_for_end(&mut self, step: Step, look: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        let mut late = false;
        loop {
            self.run.news().reset();
            if look(self) {
                return;
            }
            if !late && Instant::now().ms_since(begun) > PATIENCE_MS {
                late = true;
                self.report.note(step, Status::IO_TIMEOUT);
                self.answer_early();
            }
            self.rest(RETRY_MS);
        }
    }

    fn answer_early(&self) {
        self.run.publish(&self.finished_report());
        if let Some(answer) = self.run.answer() {
            answer.give();
        }
    }

    fn finished_report(&self) -> TestReport {
        let mut report = self.report;
        if let Some(caller) = &self.caller {
            report.caller = caller.report();
        }
        let state = self.run.state.lock();
        report.taker = state.taker.as_ref().map_or(state.taken, |taker| taker.report());
        drop(state);
        report
    }

    /// An address by which the adapter can call itself.
    fn find_address(&mut self) -> Result<(), Status> {
        let mut found = None;
        net::unicast_addresses(self.run.plan().luid, self.passive, |address| {
            let local = net::is_link_local(address.ip);
            if !local {
                found = Some(address.ip);
            }
            local
        })?;
        self.address = found;
        found.map(|_| ()).ok_or(Status::NETWORK_UNREACHABLE)
    }

    fn register(&mut self) -> Result<(), Status> {
        protocol::register(self.run, self.passive)?;
        self.registered = true;
        // SAFETY: registered; everything that is made with the handle goes before it is deregistered.
        let ndis = unsafe { NdisHandle::new(self.run.protocol()) };
        let packets = PacketPool::try_new(ndis)?;
        for messages in &mut self.messages {
            for _ in 0..DEPTH {
                let message = Message::try_new(&packets, self.run.plan().message_size)?;
                pool::try_push(messages, message)?;
            }
        }
        self.packets = Some(packets);
        Ok(())
    }

    fn local(&self, port: u16) -> Result<SocketAddr, Status> {
        let address = self.address.ok_or(Status::NETWORK_UNREACHABLE)?;
        Ok(SocketAddr::new(address, port))
    }

    /// Registers a SAP on the first port that is free.
    fn register_sap(&mut self) -> Result<(), Status> {
        let mut outcome = Err(Status::ADDRESS_ALREADY_EXISTS);
        for port in FIRST_PORT..FIRST_PORT + PORTS {
            let mut sap = pool::try_box(
                Sap {
                    local: self.local(port)?,
                }
                .encode(),
            )?;
            ask::register_sap(self.run, &mut sap);
            // The description stays until the answer (SAP-07).
            self.wait_for_end(Step::Sap, |this| this.run.state.lock().sap.life != Life::Opening);
            let life = self.run.state.lock().sap.life;
            outcome = life_of(life).unwrap_or(Err(Status::INTERNAL_ERROR));
            self.port = port;
            if outcome != Err(Status::NDIS_INVALID_DATA) {
                break;
            }
        }
        outcome
    }

    fn parameters(&self) -> Result<Call, Status> {
        let size = self.run.plan().message_size;
        Ok(Call {
            local: self.local(0)?,
            remote: self.local(self.port)?,
            message_size: size,
            send_depth: DEPTH as u16,
            receive_depth: RECEIVES,
            flow: Flow {
                transmit: size,
                receive: size,
            },
            private_data: self.run.mark(),
        })
    }

    /// Calls the SAP; the call is connected on both sides at the end. The caller's VC is made for the first call and used for all
    /// (CLOSE-18).
    fn call(&mut self, number: u32) -> Result<(), Status> {
        self.forget_taker();
        self.run.state.lock().call = number;
        let caller = if let Some(caller) = &self.caller {
            caller.clone()
        } else {
            let caller = Side::try_new(dyn_ref!(self.run.clone() => dyn Test), true, Handle::NULL)?;
            self.caller.insert(caller).clone()
        };
        ask::create_vc(self.run, &caller)?;
        caller.begin_call(number);
        let mut parameters = OwnParams::try_new(&self.parameters()?)?;
        ask::make_call(&caller, &mut parameters);
        let connected = self.wait(|| {
            let vc = caller.vc.lock();
            match vc.life {
                side::Life::Making => None,
                side::Life::Connected => Some(vc.peer_closed.map_or(Ok(()), |why| Err(failure(why)))),
                _ => Some(Err(vc.status)),
            }
        });
        if connected.is_err() {
            // A close makes the call manager answer at once (MAKE-13).
            self.close_side(Step::Call, &caller);
        }
        // The parameters are the call's until it is made, or is not (MAKE-02).
        self.wait_for_end(Step::Call, |_| !caller.vc.lock().making);
        drop(parameters);
        connected?;
        self.wait(|| {
            let taker = self.run.state.lock().taker.clone()?;
            let vc = taker.vc.lock();
            match (vc.life, vc.peer_closed) {
                (_, Some(status)) => Some(Err(failure(status))),
                (side::Life::Connected, None) => Some(Ok(())),
                _ => None,
            }
        })
    }

    /// The taker of an earlier call has gone: what it counted stays.
    fn forget_taker(&self) {
        let taker = self.run.state.lock().taker.take();
        if let Some(taker) = taker {
            self.run.state.lock().taken = taker.report();
        }
    }

    fn sides(&self) -> Result<[Ref<Side>; 2], Status> {
        let taker = self.run.state.lock().taker.clone();
        self.caller
            .clone()
            .zip(taker)
            .map(<[_; 2]>::from)
            .ok_or(Status::INTERNAL_ERROR)
    }

    /// Sends all messages both ways, and waits until they have arrived and come back.
    fn exchange(&mut self) -> Result<(), Status> {
        let sides = self.sides()?;
        let messages = self.run.plan().messages;
        let (mut moved, mut since) = (0, Instant::now());
        loop {
            self.run.news().reset();
            if let Some(why) = self.run.state.lock().aborted {
                return Err(why);
            }
            let (mut done, mut total) = (true, 0);
            for (side, own) in sides.iter().zip(&mut self.messages) {
                pump(self.run, side, own, messages);
                let flow = side.flow.lock();
                if let Some(failure) = flow.failure {
                    return Err(failure);
                }
                total += u64::from(flow.sent) + u64::from(flow.received);
                done &= flow.sent == messages && flow.received == messages;
                drop(flow);
                done &= side.is_quiet();
                if let Some(status) = side.vc.lock().peer_closed {
                    return Err(failure(status));
                }
            }
            if done {
                return Ok(());
            }
            if total != moved {
                (moved, since) = (total, Instant::now());
            } else if Instant::now().ms_since(since) > PATIENCE_MS {
                return Err(Status::IO_TIMEOUT);
            }
            self.rest(LOOK_MS);
        }
    }

    /// Closes the call from one side, of every other call from the other; what is left answers.
    fn close(&mut self, call: u32) -> Result<(), Status> {
        let [caller, taker] = self.sides()?;
        let (first, second) = if call.is_multiple_of(2) {
            (&caller, &taker)
        } else {
            (&taker, &caller)
        };
        self.close_side(Step::Close, first);
        self.wait(|| second.vc.lock().peer_closed.map(|_| Ok(())))?;
        self.close_side(Step::Close, second);
        self.wait(|| taker.vc.lock().deleted.then_some(Ok(())))
    }

    /// Closes the call of a side, if there is one, and waits for the end of that. A close that the call manager refuses because
    /// its own side of the call is just changing is asked for again.
    fn close_side(&mut self, step: Step, side: &Ref<Side>) {
        self.wait_for_end(step, |_| {
            // CLOSE-01: what was sent comes back first.
            if side.is_quiet() {
                ask::close_call(side);
            }
            !side.has_call()
        });
    }

    /// Undoes everything, in the order of rule AF-22, from wherever the run was.
    fn backward(&mut self) {
        self.run.state.lock().way = Way::Back;
        self.withdraw();
        self.note_end(Step::Withdraw);
        self.release_family();
        self.note_end(Step::Release);
        self.report = self.finished_report();
        self.caller = None;
        self.forget_taker();
        self.messages = NO_MESSAGES;
        self.packets = None;
        self.run.publish(&self.report);
        let broken_off = self.run.state.lock().aborted.is_some();
        ask::release_adapter(self.run, self.passive);
        if broken_off {
            // Whoever broke it off need not wait for NDIS.
            self.answer_early();
        }
    }

    /// What was undone is noted when all went well so far.
    fn note_end(&mut self, step: Step) {
        if self.report.status == Status::SUCCESS.bits() {
            self.report.note(step, Status::SUCCESS);
        }
    }

    /// Both sides' calls end, then the VCs and the SAP.
    fn withdraw(&mut self) {
        let caller = self.caller.clone();
        let taker = self.run.state.lock().taker.clone();
        for side in [&caller, &taker].into_iter().flatten() {
            self.close_side(Step::Withdraw, side);
        }
        if let Some(caller) = &caller {
            self.wait_for_end(Step::Withdraw, |_| ask::delete_vc(caller));
        }
        if let Some(taker) = &taker {
            self.wait_for_end(Step::Withdraw, |_| taker.vc.lock().deleted);
        }
        if ask::deregister_sap(self.run) {
            self.wait_for_end(Step::Withdraw, |this| {
                this.run.state.lock().sap.life != Life::Closing
            });
        }
    }

    /// The address family is closed; a call manager that goes is told so.
    fn release_family(&mut self) {
        self.wait_for_end(Step::Release, |this| {
            this.run.state.lock().family.life != Life::Opening
        });
        // One that is refused, because of a stranger's call that is not quite gone, is asked for again (AF-15).
        self.wait_for_end(Step::Release, |this| {
            ask::close_family(this.run);
            matches!(this.run.state.lock().family.life, Life::Closed(_))
        });
        ask::notice_done(self.run);
    }
}

/// What the end of an open is.
const fn life_of(life: Life) -> Option<Result<(), Status>> {
    match life {
        Life::Open => Some(Ok(())),
        Life::Closed(Status::PENDING) | Life::Opening => None,
        Life::Closed(status) => Some(Err(status)),
        Life::Closing => Some(Err(Status::NDIS_CLOSING)),
    }
}

/// The peer's close is a failure of the test where none was expected, whatever its status.
fn failure(status: Status) -> Status {
    if status == Status::SUCCESS {
        Status::CONNECTION_DISCONNECTED
    } else {
        status
    }
}

/// Sends as many messages of a side as there are at hand.
fn pump(run: &Run, side: &Side, own: &mut [Message], messages: u32) {
    while side.may_send() && run.begin_send() {
        let Some((index, mut pattern)) = side.next_message(messages) else {
            run.end_sends(1);
            return;
        };
        if let Some(message) = own.get_mut(index) {
            pattern.fill(message.bytes_mut());
            ask::send(side, message, index);
        }
    }
}
