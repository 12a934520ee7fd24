//! Every service and every command that a connection's set-up asks for fails once: the attempt ends with a status that says so or
//! goes on without it, nothing is left over, and the next attempt succeeds.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use cxndk_testbed::connectx::{self, CommandFault, Matching};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{Connector, Status};
use cxndk_testbed::consumers::node::LIMITS;
use cxndk_testbed::consumers::signal::Signal;
use cxndk_testbed::sim;
use cxndk_testbed::sim::faults::{self, Plan, When};
use cxndk_testbed::world::World;

use super::{PORT, Side};

/// `STATUS_IO_DEVICE_ERROR`.
const IO_DEVICE_ERROR: Status = Status(0xc000_0185_u32.cast_signed());
/// The status byte of a command that finds no resources.
const NO_RESOURCES: u8 = 0x0f;
/// What a failure may turn a connect into.
const FAILURES: [Status; 7] = [
    // This side had no memory, or the peer.
    Status::INSUFFICIENT_RESOURCES,
    Status::CONNECTION_REFUSED,
    // The peer could not even say so.
    Status::IO_TIMEOUT,
    // No route or neighbour was to be had.
    Status::NETWORK_UNREACHABLE,
    Status::HOST_UNREACHABLE,
    Status::INVALID_ADDRESS,
    // This side's device refused.
    IO_DEVICE_ERROR,
];

/// What fails, at its n-th use from 1.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// A service of the kernel, on either host.
    Service(&'static str),
    /// A command of the device of this host.
    Command(usize),
}

/// A cause that is at work.
struct Trouble {
    cause: Cause,
    nth: u64,
    device: Rc<connectx::Device>,
    commands: u64,
}

impl Trouble {
    fn begin(world: &World, cause: Cause, nth: u64) -> Self {
        let host = if let Cause::Command(host) = cause { host } else { 0 };
        let device = Rc::clone(&world.hosts[host].device);
        Self {
            cause,
            nth,
            commands: 0,
            device,
        }
    }

    fn start(&mut self) {
        self.commands = self.device.statistics().commands;
        match self.cause {
            Cause::Service(point) => faults::set(Some(Plan::new().fail(point, When::Nth(self.nth)))),
            Cause::Command(_) => {
                let refusal = CommandFault::Status(NO_RESOURCES, 0);
                self.device
                    .faults
                    .borrow_mut()
                    .add(Matching::nth(self.nth - 1), refusal);
            }
        }
    }

    /// Ends it; whether something has failed.
    fn stop(&self) -> bool {
        let fired = match self.cause {
            Cause::Service(point) => faults::fired(point) > 0,
            Cause::Command(_) => self.device.statistics().commands - self.commands >= self.nth,
        };
        faults::set(None);
        self.device.faults.borrow_mut().clear();
        fired
    }
}

/// How an attempt ended, and whether anything failed meanwhile.
type Attempt = (Result<(), Status>, bool);

/// Connects once in trouble, then once without.
fn attempt(cause: Cause, nth: u64) -> Attempt {
    let place = Arc::new(Mutex::new(None));
    let result = Arc::clone(&place);
    World::new(nth).play(move |world| {
        meet_in_trouble(world, Trouble::begin(world, cause, nth), result);
    });
    let attempt = place.lock().expect("one thread").take();
    attempt.expect("the client has run")
}

fn meet_in_trouble(world: &World, mut trouble: Trouble, place: Arc<Mutex<Option<Attempt>>>) {
    let [a, b] = &world.hosts[..] else {
        unreachable!("a world has two hosts")
    };
    let (from, to) = (a.at(0), b.at(PORT));
    let clients = [Side::open(a), Side::open(a)];
    let desk = Rc::new(Desk::default());
    let listening = Rc::new(Signal::default());
    let server = accept_all(b, Rc::clone(&desk), Rc::clone(&listening));
    let client = a.thread("client", move || {
        listening.wait("a listener");
        let [first, second] = clients;
        trouble.start();
        let (result, connector) = connect(&first, from, to);
        // The accepting side goes on when it hears that this one is ready.
        sim::sleep(10 * sim::MILLISECOND);
        *place.lock().expect("one thread") = Some((result, trouble.stop()));
        first.close_all(connector);
        let (result, connector) = connect(&second, from, to);
        assert_eq!(result, Ok(()), "after {:?} {}", trouble.cause, trouble.nth);
        second.close_all(connector);
        desk.stop();
    });
    sim::join(client);
    sim::join(server);
}

/// Accepts what comes, as well as that goes.
fn accept_all(host: &super::Host, desk: Rc<Desk>, listening: Rc<Signal>) -> sim::TaskId {
    let at = host.at(PORT);
    let (open, sides) = (host.open_ndk(), [Side::open(host), Side::open(host)]);
    host.thread("server", move || {
        let listener = desk.listen(open.adapter(), at).expect("a listener");
        listening.set();
        let mut spare = sides.into_iter();
        while let Some(connector) = desk.next() {
            // A queue pair whose accept failed is not used again (CONN-17).
            let side = spare.next().expect("two connectors at most");
            let _ = side.accept(connector, LIMITS.reads, &[]);
            side.close(connector);
        }
        spare.for_each(Side::close_queues);
        listener.close_and_wait().expect("a close");
        open.close();
    })
}

/// Connects as far as it goes.
fn connect(side: &Side, from: SocketAddr, to: SocketAddr) -> (Result<(), Status>, Option<Connector>) {
    match side.adapter().create_connector() {
        Err(status) => (Err(status), None),
        Ok(connector) => {
            let started = connector.connect(side.endpoint.qp, from, to, LIMITS.reads, &[]);
            let result = started.wait().and_then(|()| side.complete(connector));
            (result, Some(connector))
        }
    }
}

/// Fails every use of `cause` in turn until there are no more; returns how many there were.
fn each_use(cause: Cause) -> u64 {
    for nth in 1..500 {
        let (result, fired) = attempt(cause, nth);
        if !fired {
            assert_eq!(result, Ok(()), "nothing failed");
            return nth - 1;
        }
        if let Err(status) = result {
            assert!(FAILURES.contains(&status), "{cause:?} {nth}: {status}");
        }
    }
    panic!("{cause:?} happens without end");
}

#[test]
fn every_allocation_of_a_connection_may_fail() {
    let uses = each_use(Cause::Service("pool"));
    assert!(uses >= 8, "only {uses} allocations failed");
}

#[test]
fn every_work_item_of_a_connection_may_fail() {
    // Those of connectors are made with them.
    assert!(each_use(Cause::Service("NdisAllocateIoWorkItem")) > 0);
}

#[test]
fn every_question_to_the_ip_stack_may_fail() {
    // Each side asks for its way.
    assert!(each_use(Cause::Service("GetBestRoute2")) >= 2);
    assert!(each_use(Cause::Service("GetUnicastIpAddressTable")) >= 1);
}

#[test]
fn every_command_of_a_connection_may_be_refused() {
    for host in [0, 1] {
        // Ready to receive, ready to send; a queue pair is made in the state before.
        let uses = each_use(Cause::Command(host));
        assert!(uses >= 2, "only {uses} commands of host {host} failed");
    }
}
