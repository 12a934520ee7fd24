//! Kernel threads, worker threads, DPCs and interrupts as contexts of the simulation.

use super::context::{expect_clean, host};
use crate::pci::Function;
use crate::sim::{self, DISPATCH_LEVEL, HostId, PASSIVE_LEVEL, TaskId, TaskSpec};
use std::cell::RefCell;
use std::rc::Rc;

/// Starts a kernel thread. It runs at `PASSIVE_LEVEL` when the caller next lets others run.
pub fn thread(host: HostId, name: &'static str, body: impl FnOnce() + 'static) -> TaskId {
    sim::spawn(TaskSpec::on(name, host, PASSIVE_LEVEL), move || {
        body();
        expect_clean(name);
    })
}

/// Gives work to the system's worker threads, of which there are always enough: `PASSIVE_LEVEL`, any processor.
pub fn worker(host: HostId, name: &'static str, body: impl FnOnce() + 'static) {
    thread(host, name, body);
}

/// Runs `body` in a kernel thread of the host and waits for what it returns.
///
/// # Panics
///
/// If the thread ends without a result, which only the end of the run makes it do.
pub fn on_host<R: 'static>(host: HostId, name: &'static str, body: impl FnOnce() -> R + 'static) -> R {
    let result = Rc::new(RefCell::new(None));
    let place = Rc::clone(&result);
    let id = thread(host, name, move || {
        let value = body();
        place.borrow_mut().replace(value);
    });
    sim::join(id);
    result.take().expect("the thread has returned")
}

/// Queues a DPC for one processor: `DISPATCH_LEVEL`, after what runs there at that level.
pub fn queue_dpc(host: HostId, processor: u32, body: impl FnOnce() + 'static) {
    let spec = TaskSpec::on("DPC", host, DISPATCH_LEVEL).bound_to(processor);
    sim::spawn(spec, move || {
        body();
        expect_clean("a DPC");
    });
}

/// Connects a message of the device to a service routine of the running context's host, at `irql`, each time on the processor that
/// `processor` says.
pub fn connect_message(
    function: &Function,
    message: u32,
    processor: impl Fn() -> u32 + 'static,
    irql: u8,
    service: Rc<dyn Fn()>,
) {
    let host = host();
    let handler = move || {
        let service = Rc::clone(&service);
        let spec = TaskSpec::on("interrupt", host, irql).bound_to(processor());
        sim::spawn(spec, move || {
            service();
            expect_clean("a service routine");
        });
    };
    function.connect(message as usize, Some(Rc::new(handler)));
}

/// Ends what [`connect_message`] began. A service routine that was started runs to its end.
pub fn disconnect_message(function: &Function, message: u32) {
    function.connect(message as usize, None);
}
