//! The transport engine: executes work queue elements and speaks RoCEv2 (roce-wire.md 1 to 3; connectx.md 9 to 13).
//!
//! | part | what it does |
//! |---|---|
//! | [`engine`] | all queue pairs: turns, arrivals, due times |
//! | [`pair`] | one queue pair: state, errors, flush |
//! | [`requester`], [`responder`] | the two halves of a reliable connection |
//! | [`datagram`] | unreliable datagrams and the management queue pair |
//! | [`queue`], [`wqe`] | rings, and what is in them |
//! | [`route`], [`packet`] | addresses, headers |
//! | [`pacer`] | how much the port takes |
//! | [`host`] | what all that asks of the rest of the device; [`device`] answers |
//!
//! The state machines are pure: they see memory, completions and frames through [`host::Host`] and time as an argument.
//! The functions here tie them to a [`Device`] and to virtual time.

pub mod context;
pub mod counters;
pub mod datagram;
mod device;
pub mod engine;
pub mod host;
pub mod pacer;
pub mod packet;
pub mod pair;
pub mod queue;
pub mod requester;
pub mod responder;
pub mod route;
pub mod sequence;
#[cfg(test)]
mod tests;
pub mod wqe;

use std::rc::Rc;

use super::{Device, Qp, Qpn, State};
pub use counters::Counters;
use device::DeviceHost;
use engine::Engine;
use roce_wire::EventId;

/// From a doorbell to the first look at the ring, in nanoseconds.
const DOORBELL_NS: u64 = 150;

/// The engine of a device, and when it runs next.
#[derive(Default)]
pub struct EngineState {
    engine: Option<Engine>,
    wake: Option<(u64, EventId)>,
}

impl EngineState {
    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.engine
            .as_ref()
            .map(|engine| *engine.counters())
            .unwrap_or_default()
    }

    /// PSNs of the next request to send and of the next one expected, and the counter of the oldest incomplete send
    /// block, of a queue pair.
    pub fn progress(&self, number: Qpn) -> Option<(u32, u32, u16)> {
        self.engine.as_ref()?.progress(number)
    }
}

/// The send doorbell of `number` was rung.
pub fn doorbell(device: &Rc<Device>, number: Qpn) {
    with(device, |engine, host, now| engine.doorbell(host, now, number));
    wake_at(device, now(device) + DOORBELL_NS);
}

/// `qp` has just gone from some state to its present one; its attributes are already those of the new state.
pub fn qp_transition(device: &Rc<Device>, qp: &Rc<Qp>, _old: State) {
    let attributes = qp.attributes.borrow().clone();
    let change = (qp.number, qp.state.get());
    with(device, |engine, host, now| {
        engine.transition(host, now, change, &attributes);
    });
    wake_at(device, now(device));
}

/// A frame arrived on the port while RoCE was enabled.
pub fn receive(device: &Rc<Device>, frame: &[u8]) {
    with(device, |engine, host, now| engine.receive(host, now, frame));
    run(device);
}

/// `qp` is gone; nothing may be written for it any more.
pub fn qp_destroyed(device: &Rc<Device>, qp: &Rc<Qp>) {
    with(device, |engine, _, _| engine.remove(qp.number));
}

/// The device was reset (teardown, FLR, death): all engine state goes, but what was counted.
pub fn reset(device: &Rc<Device>) {
    let mut state = device.engine.borrow_mut();
    if let Some((_, event)) = state.wake.take() {
        device.environment().cancel(event);
    }
    if let Some(engine) = &mut state.engine {
        engine.reset();
    }
}

fn with<T>(device: &Rc<Device>, act: impl FnOnce(&mut Engine, &DeviceHost<'_>, u64) -> T) -> T {
    let mut state = device.engine.borrow_mut();
    let engine = state
        .engine
        .get_or_insert_with(|| Engine::new(device.port_speed()));
    act(engine, &DeviceHost(device), now(device))
}

fn now(device: &Device) -> u64 {
    device.environment().now()
}

/// Does what can be done now.
fn run(device: &Rc<Device>) {
    if let Some(next) = with(device, |engine, host, now| engine.run(host, now)) {
        wake_at(device, next);
    }
}

/// Sees to it that the engine runs at `time`, or before.
fn wake_at(device: &Rc<Device>, time: u64) {
    let mut state = device.engine.borrow_mut();
    match state.wake {
        Some((earlier, _)) if earlier <= time => return,
        Some((_, later)) => {
            device.environment().cancel(later);
        }
        None => {}
    }
    let weak = Rc::downgrade(device);
    let action = move || {
        if let Some(device) = weak.upgrade() {
            device.engine.borrow_mut().wake = None;
            run(&device);
        }
    };
    let event = device.environment().at(time, Box::new(action));
    state.wake = Some((time, event));
}
