//! The Network Direct objects of one SMB Direct connection: made in order, closed in the reverse.

use std::cell::Cell;
use std::ffi::c_void;
use std::net::SocketAddr;
use std::rc::Rc;

use super::{Context, SmbdError};
use crate::consumers::ndk::{Adapter, Connector, Cq, Pd, Qp, QpLimits, ReadLimits};
use crate::sim;

/// What wakes the context that serves a connection.
#[derive(Default)]
pub struct Wake {
    owner: Cell<Option<sim::TaskId>>,
    notified: Cell<bool>,
    disconnected: Cell<bool>,
    notifications: Cell<u64>,
}

impl Wake {
    fn ring(&self) {
        if let Some(owner) = self.owner.get() {
            sim::unpark(owner);
        }
    }

    /// Makes the running context the one that is woken.
    pub fn own(&self) {
        self.owner.set(sim::current());
    }

    /// Whether the peer has disconnected.
    pub fn disconnected(&self) -> bool {
        self.disconnected.get()
    }

    /// Takes the notification, if there was one.
    pub fn take_notified(&self) -> bool {
        self.notified.replace(false)
    }

    /// Notifications so far.
    pub fn notifications(&self) -> u64 {
        self.notifications.get()
    }

    fn context(self: &Rc<Self>) -> *mut c_void {
        Rc::as_ptr(self).cast_mut().cast()
    }
}

unsafe extern "win64" fn notified(context: *mut c_void, _status: i32) {
    // SAFETY: the endpoint keeps its `Wake` until the queue is closed, and no notification follows the close (LIFE-38).
    let wake = unsafe { &*context.cast::<Wake>() };
    wake.notified.set(true);
    wake.notifications.set(wake.notifications.get() + 1);
    wake.ring();
}

unsafe extern "win64" fn disconnected(context: *mut c_void) {
    // SAFETY: the endpoint keeps its `Wake` until the connector is closed, and no event follows the close (LIFE-38).
    let wake = unsafe { &*context.cast::<Wake>() };
    wake.disconnected.set(true);
    wake.ring();
}

/// Which side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Connects.
    Client,
    /// Listens.
    Server,
}

/// Sizes of the queues.
#[derive(Clone, Copy, Debug)]
pub struct EndpointLimits {
    /// Receives.
    pub receives: u32,
    /// Sends, reads, writes, registrations.
    pub initiator: u32,
    /// Reads in flight.
    pub reads: ReadLimits,
}

/// The objects of a connection.
pub struct Endpoint {
    /// The completion queue of both queues.
    pub cq: Cq,
    /// The protection domain.
    pub pd: Pd,
    /// The queue pair.
    pub qp: Qp,
    /// The connector, once there is one.
    connector: Option<Connector>,
    /// What wakes the serving context.
    pub wake: Rc<Wake>,
    limits: EndpointLimits,
}

impl Endpoint {
    /// Makes completion queue, protection domain and queue pair.
    ///
    /// # Errors
    ///
    /// The create that failed. What was made before it is closed again.
    pub fn new(adapter: Adapter, limits: EndpointLimits) -> Result<Self, SmbdError> {
        let wake = Rc::new(Wake::default());
        let depth = limits.receives + limits.initiator;
        let cq = adapter
            .create_cq(depth, Some(notified), wake.context())
            .during("NdkCreateCq")?;
        let pd = adapter.create_pd().during("NdkCreatePd");
        let pd = pd.inspect_err(|_| close_all("NdkCloseCq", || cq.close_and_wait()))?;
        let qp_limits = QpLimits {
            receive_depth: limits.receives,
            initiator_depth: limits.initiator,
            receive_sge: 1,
            initiator_sge: 2,
            inline_data: 0,
        };
        let qp = pd
            .create_qp(cq, cq, 1, qp_limits)
            .during("NdkCreateQp")
            .inspect_err(|_| {
                close_all("NdkClosePd", || pd.close_and_wait());
                close_all("NdkCloseCq", || cq.close_and_wait());
            })?;
        Ok(Self {
            cq,
            pd,
            qp,
            connector: None,
            wake,
            limits,
        })
    }

    /// Connects: the client's side up to the point at which it may send.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn connect(&mut self, adapter: Adapter, from: SocketAddr, to: SocketAddr) -> Result<(), SmbdError> {
        self.connect_with(adapter, from, to, &[])
    }

    /// As [`Self::connect`], with private data.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn connect_with(
        &mut self,
        adapter: Adapter,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
    ) -> Result<(), SmbdError> {
        let connector = adapter.create_connector().during("NdkCreateConnector")?;
        self.connector = Some(connector);
        connector
            .connect(self.qp, from, to, self.limits.reads, data)
            .wait()
            .during("NdkConnect")?;
        let complete = connector.complete_connect(Some(disconnected), self.wake.context());
        complete.wait().during("NdkCompleteConnect")
    }

    /// Accepts the connection that a connect event handed out.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn accept(&mut self, connector: Connector) -> Result<(), SmbdError> {
        self.connector = Some(connector);
        let accept = connector.accept(
            self.qp,
            self.limits.reads,
            &[],
            Some(disconnected),
            self.wake.context(),
        );
        accept.wait().during("NdkAccept")
    }

    /// The connector.
    pub const fn connector(&self) -> Option<Connector> {
        self.connector
    }

    /// Disconnects in good order.
    ///
    /// # Errors
    ///
    /// What `NdkDisconnect` ended with.
    pub fn disconnect(&self) -> Result<(), SmbdError> {
        self.connector.map_or(Ok(()), |connector| {
            connector.disconnect().wait().during("NdkDisconnect")
        })
    }

    /// Ends what is outstanding on the queue pair, so that memory can be given back.
    pub fn quiesce(&self) {
        self.qp.flush();
    }

    /// Closes connector and queue pair. Nothing of the connection is under way after it.
    ///
    /// # Errors
    ///
    /// The close that did not return success, which no close may (LIFE-30).
    pub fn close_queue_pair(&self) -> Result<(), SmbdError> {
        if let Some(connector) = self.connector {
            connector.close_and_wait().during("NdkCloseConnector")?;
        }
        self.qp.close_and_wait().during("NdkCloseQp")
    }

    /// Closes protection domain and completion queue, after all that was made in them.
    ///
    /// # Errors
    ///
    /// The close that did not return success, which no close may (LIFE-30).
    pub fn close_rest(self) -> Result<(), SmbdError> {
        self.pd.close_and_wait().during("NdkClosePd")?;
        self.cq.close_and_wait().during("NdkCloseCq")
    }
}

/// A close on the way out of an error: it cannot fail, and if it does the run ends.
fn close_all(what: &'static str, close: impl FnOnce() -> Result<(), super::Status>) {
    if let Err(status) = close() {
        sim::fail("LIFE-30", format!("{what} returned {status}"));
    }
}
