//! One queue pair with its completion queue, and waiting for what completes.

use core::ffi::c_void;
use core::ptr;

use crate::abi::{self, Event, NOTIFY_ANY, NdkAdapter, NdkCq, NdkPd, NdkQp, NdkResult, Sge, Status, TIMEOUT};
use crate::request::{self, Owned};

/// Requests of each kind that may be outstanding.
const DEPTH: u32 = 8;
/// Seconds to wait for anything.
const PATIENCE: i64 = 30;

/// The queues. What is declared first goes first.
pub struct Queue<'a> {
    qp: Owned<NdkQp>,
    pd: Owned<NdkPd>,
    cq: Owned<NdkCq>,
    event: &'a mut Event,
}

/// `NdkCqNotificationCallback`.
unsafe extern "win64" fn notified(context: *mut c_void, _: Status) {
    // SAFETY: the event of `Queue::new`, which lives longer than the queue.
    unsafe { abi::KeSetEvent(context.cast(), 0, 0) };
}

impl<'a> Queue<'a> {
    /// Makes them; `event` stays where it is for as long as they live. `PASSIVE_LEVEL`.
    pub fn new(adapter: *mut NdkAdapter, event: &'a mut Event) -> Result<Self, Status> {
        request::clear_event(event);
        // SAFETY: the adapter is open.
        let adapter_table = unsafe { &*(*adapter).dispatch };
        let waiter = ptr::from_mut(event).cast();
        let cq = request::create(
            |context, place| {
                let none = ptr::null_mut();
                // SAFETY: the adapter is open; the context lives longer than the queue.
                unsafe {
                    (adapter_table.create_cq)(
                        adapter,
                        2 * DEPTH,
                        notified,
                        waiter,
                        none,
                        request::created,
                        context,
                        place,
                    )
                }
            },
            // SAFETY: made just now.
            |cq: *mut NdkCq| unsafe { (*(*cq).dispatch).close },
        )?;
        let pd = request::create(
            // SAFETY: the adapter is open.
            |context, place| unsafe { (adapter_table.create_pd)(adapter, request::created, context, place) },
            // SAFETY: made just now.
            |pd: *mut NdkPd| unsafe { (*(*pd).dispatch).close },
        )?;
        let qp = request::create(
            |context, place| {
                let (pd, cq) = (pd.get(), cq.get());
                // SAFETY: domain and completion queue are open.
                unsafe {
                    ((*(*pd).dispatch).create_qp)(
                        pd,
                        cq,
                        cq,
                        ptr::null_mut(),
                        DEPTH,
                        DEPTH,
                        1,
                        1,
                        0,
                        request::created,
                        context,
                        place,
                    )
                }
            },
            // SAFETY: made just now.
            |qp: *mut NdkQp| unsafe { (*(*qp).dispatch).close },
        )?;
        Ok(Self { qp, pd, cq, event })
    }

    /// The queue pair.
    pub const fn qp(&self) -> *mut NdkQp {
        self.qp.get()
    }

    /// The protection domain.
    pub const fn pd(&self) -> *mut NdkPd {
        self.pd.get()
    }

    /// Posts a receive.
    pub fn receive(&self, piece: Sge) -> Result<(), Status> {
        let qp = self.qp();
        // SAFETY: the queue pair is open; the list is read during the call.
        done(unsafe { ((*(*qp).dispatch).receive)(qp, ptr::null_mut(), &raw const piece, 1) })
    }

    /// Posts a send.
    pub fn send(&self, piece: Sge) -> Result<(), Status> {
        let qp = self.qp();
        // SAFETY: as above.
        done(unsafe { ((*(*qp).dispatch).send)(qp, ptr::null_mut(), &raw const piece, 1, 0) })
    }

    /// Reads the peer's memory, and waits for it.
    pub fn read(&mut self, piece: Sge, address: u64, token: u32) -> Result<(), Status> {
        let qp = self.qp();
        // SAFETY: as above.
        done(unsafe {
            ((*(*qp).dispatch).read)(qp, ptr::null_mut(), &raw const piece, 1, address, token, 0)
        })?;
        self.completion().map(drop)
    }

    /// Writes the peer's memory, and waits for it.
    pub fn write(&mut self, piece: Sge, address: u64, token: u32) -> Result<(), Status> {
        let qp = self.qp();
        // SAFETY: as above.
        done(unsafe {
            ((*(*qp).dispatch).write)(qp, ptr::null_mut(), &raw const piece, 1, address, token, 0)
        })?;
        self.completion().map(drop)
    }

    /// Waits for the next completion: bytes received, or the status of a request that failed.
    pub fn completion(&mut self) -> Result<u32, Status> {
        let cq = self.cq.get();
        loop {
            if let Some(result) = self.poll() {
                return if result.status == abi::SUCCESS {
                    Ok(result.bytes)
                } else {
                    Err(result.status)
                };
            }
            // SAFETY: the event is initialized.
            unsafe { abi::KeClearEvent(self.event) };
            // SAFETY: the queue is open.
            unsafe { ((*(*cq).dispatch).arm)(cq, NOTIFY_ANY) };
            // What came before the arm may not be told.
            if let Some(result) = self.poll() {
                return if result.status == abi::SUCCESS {
                    Ok(result.bytes)
                } else {
                    Err(result.status)
                };
            }
            if !request::wait_for(ptr::from_mut(self.event).cast(), Some(PATIENCE)) {
                return Err(TIMEOUT);
            }
        }
    }

    fn poll(&self) -> Option<NdkResult> {
        let cq = self.cq.get();
        let mut result = NdkResult {
            status: 0,
            bytes: 0,
            qp_context: ptr::null_mut(),
            request_context: ptr::null_mut(),
        };
        // SAFETY: the queue is open; there is room for one result.
        let count = unsafe { ((*(*cq).dispatch).get_results)(cq, &raw mut result, 1) };
        (count == 1).then_some(result)
    }
}

fn done(status: Status) -> Result<(), Status> {
    if status == abi::SUCCESS {
        Ok(())
    } else {
        Err(status)
    }
}
