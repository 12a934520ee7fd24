//! I/O requests to devices of drivers: dispatch, completion, cancellation.
//!
//! | rule | what |
//! |---|---|
//! | IRP-COMPLETE | each request is completed once, with no spin lock held, no cancel routine set, a final status and no more bytes than there is room for |
//! | IRP-PENDING | a dispatch routine returns PENDING if and only if it has marked the request so, and else the request's own status |
//! | IRP-CANCEL | a cancel routine releases the cancel spin lock |
//!
//! (Pages of `IoCompleteRequest`, `IoMarkIrpPending`, `IoSetCancelRoutine` and `DRIVER_CANCEL` of wdm.h.)

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::condis::{DRIVER_DISPATCH, IO_STACK_LOCATION, IRP, SL_PENDING_RETURNED};
use wdk_standin::{_DEVICE_OBJECT as DEVICE_OBJECT, KIRQL, KSPIN_LOCK, NTSTATUS};

use super::context::{Level, enter, expect_clean, host, locks_held};
use super::lock::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};
use super::scheduling::{on_host, thread};
use crate::sim::{self, HostId, SECOND, TaskId};

/// Rule ids; see the module's page.
const COMPLETE: &str = "IRP-COMPLETE";
const PENDING_RULE: &str = "IRP-PENDING";
const CANCEL: &str = "IRP-CANCEL";
/// `STATUS_PENDING`.
const PENDING: NTSTATUS = 0x103;
/// Longest that a request may pend; a limit of the testbed.
const LONGEST: u64 = 600 * SECOND;
/// What a completed request holds, where a driver that still uses it will notice.
const POISON: u8 = 0xdd;

/// The memory of a request: the parts that the driver sees stay where they are.
struct Memory {
    irp: IRP,
    stack: IO_STACK_LOCATION,
    buffer: Vec<u64>,
}

/// One request to a driver, until its answer was taken.
pub struct Request {
    host: HostId,
    device: usize,
    room: usize,
    memory: RefCell<Box<Memory>>,
    /// Its address, by which the driver names it.
    irp: usize,
    completed: Cell<Option<NTSTATUS>>,
    /// It was marked pending when it was completed.
    marked: Cell<bool>,
    output: RefCell<Vec<u8>>,
    /// The dispatch routine has returned.
    returned: Cell<bool>,
    waiters: RefCell<Vec<TaskId>>,
}

/// The requests that drivers have.
#[derive(Default)]
struct Requests(RefCell<Vec<Rc<Request>>>);

/// The cancel spin lock of each host.
#[derive(Default)]
struct CancelLocks(RefCell<Vec<(HostId, &'static Cell<KSPIN_LOCK>)>>);

/// What goes into a request.
pub struct Question<'a> {
    /// `IRP_MJ_*`.
    pub major: usize,
    /// A `CTL_CODE`.
    pub code: u32,
    /// The caller's input.
    pub input: &'a [u8],
    /// Bytes of the caller's output buffer.
    pub room: usize,
    /// The open file, by address.
    pub file: usize,
}

impl Request {
    /// Sends a request to a device of a driver of `host`, in a thread of its own. METHOD_BUFFERED: input and output share memory.
    pub fn send(
        host: HostId,
        device: *mut DEVICE_OBJECT,
        handler: DRIVER_DISPATCH,
        question: &Question<'_>,
    ) -> Rc<Self> {
        let this = Self::new(host, device, question);
        let (request, major) = (Rc::clone(&this), question.major);
        thread(host, "a request of a program", move || match handler {
            Some(handler) => request.dispatch(handler),
            None => sim::fail(COMPLETE, format!("no dispatch routine for function {major}")),
        });
        this
    }

    fn new(host: HostId, device: *mut DEVICE_OBJECT, question: &Question<'_>) -> Rc<Self> {
        let (input, room) = (question.input, question.room);
        let mut memory = Box::new(Memory {
            // SAFETY: all fields of an IRP may be zero.
            irp: unsafe { std::mem::zeroed() },
            // SAFETY: all fields of a stack location may be zero.
            stack: unsafe { std::mem::zeroed() },
            buffer: vec![0; input.len().max(room).div_ceil(8) + 1],
        });
        let bytes = memory.buffer.as_mut_ptr().cast::<u8>();
        // SAFETY: the buffer is as long as the input at least.
        unsafe { input.as_ptr().copy_to(bytes, input.len()) };
        memory.stack.MajorFunction = question.major as u8;
        memory.stack.Parameters.InputBufferLength = input.len() as u32;
        memory.stack.Parameters.OutputBufferLength = room as u32;
        memory.stack.Parameters.IoControlCode = question.code;
        memory.stack.DeviceObject = device;
        memory.stack.FileObject = question.file as *mut c_void;
        memory.irp.AssociatedIrp = bytes.cast();
        (memory.irp.StackCount, memory.irp.CurrentLocation) = (1, 1);
        memory.irp.CurrentStackLocation = &raw mut memory.stack;
        let irp = (&raw mut memory.irp) as usize;
        Rc::new(Self {
            host,
            device: device as usize,
            room,
            memory: RefCell::new(memory),
            irp,
            completed: Cell::new(None),
            marked: Cell::new(false),
            output: RefCell::default(),
            returned: Cell::new(false),
            waiters: RefCell::default(),
        })
    }

    fn dispatch(
        self: &Rc<Self>,
        handler: unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP) -> NTSTATUS,
    ) {
        let requests = sim::local::<Requests>();
        requests.0.borrow_mut().push(Rc::clone(self));
        let device = self.device as *mut DEVICE_OBJECT;
        let _driver = sim::enter_driver();
        // SAFETY: the driver registered the handler; the request lives until it is completed.
        let returned = unsafe { handler(device, self.irp as *mut IRP) };
        expect_clean("a dispatch routine");
        let marked = match self.completed.get() {
            Some(_) => self.marked.get(),
            None => self.memory.borrow().stack.Control & SL_PENDING_RETURNED != 0,
        };
        let fits = match self.completed.get() {
            _ if marked || returned == PENDING => marked && returned == PENDING,
            Some(status) => returned == status,
            None => sim::fail(
                COMPLETE,
                format!("a dispatch routine returned {returned:#x} and its request is not completed"),
            ),
        };
        if !fits {
            let completed = self.completed.get();
            sim::fail(
                PENDING_RULE,
                format!(
                    "a dispatch routine returned {returned:#x}; marked: {marked}, completed: {completed:x?}"
                ),
            );
        }
        self.returned.set(true);
        self.tell();
    }

    fn tell(&self) {
        self.waiters.take().into_iter().for_each(sim::unpark);
    }

    /// Whether it is answered.
    pub fn is_done(&self) -> bool {
        self.completed.get().is_some() && self.returned.get()
    }

    /// Waits for the answer: bytes of the output buffer, or the status. Errors bring no bytes (the I/O manager copies none).
    ///
    /// # Errors
    /// A status that is neither success nor information nor warning.
    pub fn wait(&self) -> Result<Vec<u8>, NTSTATUS> {
        let deadline = sim::now() + LONGEST;
        while !self.is_done() {
            if sim::now() >= deadline {
                sim::fail(COMPLETE, "a request is not completed after 600 s");
            }
            self.waiters.borrow_mut().extend(sim::current());
            sim::park_until("a request of a program", deadline);
        }
        match self.completed.get() {
            Some(status) if !is_error(status) => Ok(self.output.borrow().clone()),
            status => Err(status.unwrap_or(PENDING)),
        }
    }

    /// What `IoCancelIrp` does: the program wants its request back.
    pub fn cancel(self: &Rc<Self>) {
        let this = Rc::clone(self);
        on_host(self.host, "a cancellation", move || this.cancel_here());
    }

    fn cancel_here(&self) {
        let lock = cancel_lock();
        // SAFETY: a spin lock of the simulation.
        let before = unsafe { KeAcquireSpinLockRaiseToDpc(lock.as_ptr()) };
        let routine = {
            let mut memory = self.memory.borrow_mut();
            if self.completed.get().is_none() {
                memory.irp.Cancel = 1;
                memory.irp.CancelIrql = before;
                std::mem::replace(&mut memory.irp.CancelRoutine, std::ptr::null_mut())
            } else {
                std::ptr::null_mut()
            }
        };
        if routine.is_null() {
            // SAFETY: taken above.
            return unsafe { KeReleaseSpinLock(lock.as_ptr(), before) };
        }
        // SAFETY: a driver that sets a cancel routine sets one of this type.
        let routine: unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP) =
            unsafe { std::mem::transmute(routine) };
        // SAFETY: the driver set the routine; the request is completed under the cancel spin lock's protection at the earliest.
        unsafe { routine(self.device as *mut DEVICE_OBJECT, self.irp as *mut IRP) };
        if locks_held() > 0 || sim::irql() != before {
            sim::fail(
                CANCEL,
                "a cancel routine returned without releasing the cancel spin lock",
            );
        }
    }

    fn complete(&self) {
        let mut memory = self.memory.borrow_mut();
        let (status, used) = (memory.irp.IoStatus.Status, memory.irp.IoStatus.Information);
        if status == PENDING {
            sim::fail(COMPLETE, "a request is completed with PENDING");
        }
        if !memory.irp.CancelRoutine.is_null() {
            sim::fail(COMPLETE, "a request is completed with its cancel routine set");
        }
        if used > self.room {
            sim::fail(
                COMPLETE,
                format!("a request is completed with {used} bytes of {}", self.room),
            );
        }
        let bytes = memory.buffer.as_ptr().cast::<u8>();
        // SAFETY: the buffer has room for so many bytes.
        let output = unsafe { std::slice::from_raw_parts(bytes, used) }.to_vec();
        self.output.replace(output);
        self.marked.set(memory.stack.Control & SL_PENDING_RETURNED != 0);
        memory.buffer.fill(u64::from_ne_bytes([POISON; 8]));
        // SAFETY: any bytes are an IRP, which nobody may read now.
        unsafe { (&raw mut memory.irp).write_bytes(POISON, 1) };
        // SAFETY: as above, for a stack location.
        unsafe { (&raw mut memory.stack).write_bytes(POISON, 1) };
        self.completed.set(Some(status));
        self.tell();
    }
}

/// `NT_ERROR`.
const fn is_error(status: NTSTATUS) -> bool {
    status.cast_unsigned() >> 30 == 3
}

/// How many requests of a device pend.
pub fn requests_of(device: *mut DEVICE_OBJECT) -> usize {
    let requests = sim::local::<Requests>();
    let all = requests.0.borrow();
    let pends = |request: &Request| request.memory.borrow().stack.Control & SL_PENDING_RETURNED != 0;
    all.iter()
        .filter(|request| request.device == device as usize && pends(request))
        .count()
}

/// `IofCompleteRequest`.
///
/// # Safety
/// None beyond a live simulation; the request is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IofCompleteRequest(irp: *mut c_void, _boost: i8) {
    let ddi = "IofCompleteRequest";
    enter(ddi, Level::Dispatch);
    if locks_held() > 0 {
        sim::fail(COMPLETE, format!("{ddi} with {} spin locks held", locks_held()));
    }
    let requests = sim::local::<Requests>();
    let found = {
        let mut all = requests.0.borrow_mut();
        let place = all.iter().position(|request| request.irp == irp as usize);
        place.map(|place| all.remove(place))
    };
    match found {
        Some(request) => request.complete(),
        None => sim::fail(
            COMPLETE,
            format!("{ddi}: {irp:p} is not with a driver (any more)"),
        ),
    }
}

fn cancel_lock() -> &'static Cell<KSPIN_LOCK> {
    let locks = sim::local::<CancelLocks>();
    let mut all = locks.0.borrow_mut();
    let here = host();
    if let Some((_, lock)) = all.iter().find(|(at, _)| *at == here) {
        return lock;
    }
    let lock: &'static Cell<KSPIN_LOCK> = Box::leak(Box::new(Cell::new(0)));
    all.push((here, lock));
    lock
}

/// `IoAcquireCancelSpinLock`.
///
/// # Safety
/// `irql` is good for the old IRQL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoAcquireCancelSpinLock(irql: *mut KIRQL) {
    // SAFETY: a spin lock of the simulation.
    let before = unsafe { KeAcquireSpinLockRaiseToDpc(cancel_lock().as_ptr()) };
    // SAFETY: the caller's place.
    unsafe { irql.write(before) };
}

/// `IoReleaseCancelSpinLock`.
///
/// # Safety
/// The caller holds the lock.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoReleaseCancelSpinLock(irql: KIRQL) {
    // SAFETY: a spin lock of the simulation, checked there.
    unsafe { KeReleaseSpinLock(cancel_lock().as_ptr(), irql) };
}
