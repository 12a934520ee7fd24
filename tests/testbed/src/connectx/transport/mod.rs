//! The transport engine: work queue elements in, packets out, and back. (W5 replaces this file; the signatures are the seam.)

use std::rc::Rc;

use super::Device;
use super::ids::Qpn;
use super::qp::{Qp, State};

/// What the engine keeps about a queue pair.
#[derive(Default)]
pub struct QpState {}

/// What the engine keeps about the whole device.
#[derive(Default)]
pub struct EngineState {}

/// The send doorbell of `qpn` was rung.
pub fn doorbell(_device: &Rc<Device>, _qpn: Qpn) {}

/// `qp` has just gone from `old` to its present state; `qp.attributes` are already those of the new state.
pub fn qp_transition(_device: &Rc<Device>, _qp: &Rc<Qp>, _old: State) {}

/// A frame arrived on the port while RoCE was enabled.
pub fn receive(_device: &Rc<Device>, _frame: &[u8]) {}

/// `qp` is gone; nothing may be written for it any more.
pub fn qp_destroyed(_device: &Rc<Device>, _qp: &Rc<Qp>) {}

/// The device was reset (teardown, FLR, death): all engine state goes.
pub fn reset(_device: &Rc<Device>) {}
