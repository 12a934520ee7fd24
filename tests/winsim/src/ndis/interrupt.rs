//! Message signaled interrupts: registration, the service routine at DIRQL, and its DPCs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    GROUP_AFFINITY, IO_INTERRUPT_MESSAGE_INFO, IO_INTERRUPT_MESSAGE_INFO_ENTRY,
    MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER, NDIS_CONNECT_MESSAGE_BASED, NDIS_HANDLE,
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS, NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
    NDIS_RECEIVE_THROTTLE_PARAMETERS, NDIS_STATUS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS,
};
use wdk_standin::PHYSICAL_ADDRESS;

use super::adapter::{self, AdapterState, State};
use super::kernel::{self, Level};
use super::personality::{DpcObjects, InterruptAnswer};
use super::table::{self, Object};
use crate::sim::{self, MICROSECOND, MILLISECOND, Stream, faults};

/// The device IRQL of every message.
pub const DEVICE_IRQL: u8 = 9;
/// Interrupt vector of message 0 of a device; those of the others follow.
pub(super) const FIRST_VECTOR: u32 = 0x50;
/// Bit 0 of `NDIS_RECEIVE_THROTTLE_PARAMETERS::BitField4`: `MoreNblsPending`.
const MORE_PENDING: u32 = 1;
/// `NDIS_INDICATE_ALL_NBLS`.
const ALL: u32 = u32::MAX;
/// How many packets a DPC may indicate, one of these each time.
const LIMITS: [u32; 8] = [1, 2, 16, 64, ALL, ALL, ALL, ALL];
/// A DPC that runs longer in one go has no bound (INT-09); the watchdog of Windows waits 10 s, this one does not.
const LONGEST_DPC: u64 = 100 * MILLISECOND;

/// The DPCs of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dpc {
    /// Where the service routine asked for it.
    Default,
    /// Aimed at this processor.
    On(u32),
}

/// One registration of the messages of a device.
pub(super) struct Interrupt {
    adapter: Rc<AdapterState>,
    context: *mut c_void,
    characteristics: NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
    /// `IO_INTERRUPT_MESSAGE_INFO` with its entries, in 64-bit words.
    info: RefCell<Vec<u64>>,
    messages: u32,
    connected: Cell<bool>,
    /// Per message, or one for all with `MsiSyncWithAllMessages`: whether its interrupt lock is held.
    locks: Vec<Cell<bool>>,
    /// Queued DPCs of each message, with their context.
    queued: RefCell<BTreeMap<(u32, Dpc), usize>>,
    /// Service routines and DPCs that are running or queued.
    busy: Cell<u32>,
    /// How many messages were served.
    served: Cell<u64>,
}

/// A message whose DPC is queued and has not begun: its routines, for who measures them.
#[derive(Clone)]
pub struct WaitingMessage {
    interrupt: Rc<Interrupt>,
    message: u32,
}

impl WaitingMessage {
    /// The waiting messages of an adapter, one for each DPC.
    pub(super) fn all_of(adapter: &AdapterState) -> Vec<Self> {
        let mut waiting = Vec::new();
        for handle in adapter.held.interrupts.borrow().iter() {
            let interrupt = table::interrupt(*handle, "a measurement");
            waiting.extend(interrupt.queued.borrow().keys().map(|(message, _)| Self {
                interrupt: Rc::clone(&interrupt),
                message: *message,
            }));
        }
        waiting
    }

    /// Its number.
    pub const fn message(&self) -> u32 {
        self.message
    }

    /// The addresses of the driver's service routine and of its DPC.
    ///
    /// # Panics
    /// Never: the registration was refused without them.
    pub fn routines(&self) -> (usize, usize) {
        let given = &self.interrupt.characteristics;
        let service = given
            .MessageInterruptHandler
            .expect("checked by the registration");
        let dpc = given
            .MessageInterruptDpcHandler
            .expect("checked by the registration");
        (service as *const () as usize, dpc as *const () as usize)
    }

    /// Calls the service routine once more. It knows nothing of the level that it runs at.
    pub fn service(&self) {
        let (mut queue_default, mut targets) = (0_u8, 0_u32);
        if let Some(handler) = self.interrupt.characteristics.MessageInterruptHandler {
            // SAFETY: as in `Interrupt::service`.
            unsafe {
                handler(
                    self.interrupt.context,
                    self.message,
                    &raw mut queue_default,
                    &raw mut targets,
                )
            };
        }
    }

    /// Calls the DPC routine, before and apart from the DPC that waits. At `DISPATCH_LEVEL`.
    pub fn dpc(&self) {
        self.interrupt.call_dpc(self.message, 0, u32::MAX);
    }
}

/// Interrupts served in this run, for reports.
#[derive(Default)]
struct Served(Cell<u64>);

/// How many messages were served in this run.
pub fn interrupts_served() -> u64 {
    sim::local::<Served>().0.get()
}

/// `NdisMRegisterInterruptEx`: from here on messages arrive (INT-05).
///
/// # Safety
/// The pointers are good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMRegisterInterruptEx(
    handle: NDIS_HANDLE,
    context: NDIS_HANDLE,
    characteristics: *mut NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
    interrupt_handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisMRegisterInterruptEx";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    adapter.expect("VRF-41", ddi, &[State::Initializing]);
    adapter.expect_registered(ddi);
    // SAFETY: the caller's characteristics.
    let given = unsafe { characteristics.read() };
    let size = size_of::<NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS>();
    if u32::from(given.Header.Type) != NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT
        || usize::from(given.Header.Size) < size
    {
        return NDIS_STATUS_BAD_VERSION;
    }
    expect_handlers(&given);
    if faults::fire("NdisMRegisterInterruptEx") {
        return NDIS_STATUS_RESOURCES;
    }
    let interrupt = Rc::new(Interrupt::new(adapter, context, given));
    let fresh = table::reserve();
    interrupt.adapter.held.interrupts.borrow_mut().push(fresh);
    table::insert(fresh, Object::Interrupt(Rc::clone(&interrupt)));
    let answer = || {
        // SAFETY: the caller gives a place for the handle.
        unsafe { interrupt_handle.write(fresh) };
        // SAFETY: the caller's characteristics, in which NDIS returns what was connected.
        unsafe { (*characteristics).InterruptType = NDIS_CONNECT_MESSAGE_BASED };
        let info = interrupt.info.borrow_mut().as_mut_ptr().cast();
        // SAFETY: as above.
        unsafe { (*characteristics).MessageInfoTable = info };
    };
    match interrupt.adapter.personality.get().interrupts {
        InterruptAnswer::First => {
            answer();
            interrupt.connect();
            kernel::preempt();
        }
        InterruptAnswer::Last => {
            interrupt.connect();
            interrupt.raise_left_over();
            answer();
        }
    }
    NDIS_STATUS_SUCCESS
}

fn expect_handlers(given: &NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS) {
    let lines = given.InterruptHandler.is_some() && given.InterruptDpcHandler.is_some();
    let messages = given.MessageInterruptHandler.is_some() && given.MessageInterruptDpcHandler.is_some();
    if !lines || (given.MsiSupported != 0 && !messages) {
        sim::fail(
            "INT-01",
            "interrupt characteristics without line and message handlers".to_owned(),
        );
    }
    if given.MsiSupported == 0 {
        sim::fail(
            "INT-01",
            "the simulated bus has no line interrupts and MsiSupported is FALSE".to_owned(),
        );
    }
}

impl Interrupt {
    fn new(
        adapter: Rc<AdapterState>,
        context: *mut c_void,
        given: NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
    ) -> Self {
        let messages = kernel::message_count(&adapter.function);
        let locks = if given.MsiSyncWithAllMessages != 0 {
            1
        } else {
            messages
        };
        let info = message_info(&adapter, messages);
        Self {
            adapter,
            context,
            characteristics: given,
            info: RefCell::new(info),
            messages,
            connected: Cell::new(true),
            locks: (0..locks).map(|_| Cell::new(false)).collect(),
            queued: RefCell::default(),
            busy: Cell::new(0),
            served: Cell::new(0),
        }
    }

    fn connect(self: &Rc<Self>) {
        for message in 0..self.messages {
            let target = Rc::downgrade(self);
            let placement = self.adapter.placement.get();
            let service = move || {
                if let Some(interrupt) = target.upgrade() {
                    interrupt.service(message);
                }
            };
            kernel::connect_message(
                &self.adapter.function,
                message,
                move || placement.draw(message),
                DEVICE_IRQL,
                Rc::new(service),
            );
        }
    }

    /// A message from before the device was reset comes now and then, and is served before the driver knows its registration (INT-05).
    fn raise_left_over(&self) {
        if sim::choose(Stream::Personality, 2) == 0 {
            let message = sim::choose(Stream::Personality, self.messages.into());
            self.adapter.function.raise(message as usize);
        }
        sim::sleep(10 * MICROSECOND);
    }

    /// The service routine of one message; runs at device IRQL on the message's processor.
    fn service(self: &Rc<Self>, message: u32) {
        if !self.connected.get() {
            return;
        }
        self.busy.set(self.busy.get() + 1);
        self.served.set(self.served.get() + 1);
        let served = sim::local::<Served>();
        served.0.set(served.0.get() + 1);
        let (mut queue_default, mut targets) = (0_u8, 0_u32);
        self.lock(message);
        if let Some(handler) = self.characteristics.MessageInterruptHandler {
            let driver = sim::enter_driver();
            // SAFETY: the driver registered the handler with this context and has not deregistered it.
            let ours = unsafe { handler(self.context, message, &raw mut queue_default, &raw mut targets) };
            drop(driver);
            if ours == 0 {
                sim::fail(
                    "INT-02",
                    format!("the service routine of message {message} returned FALSE"),
                );
            }
        }
        self.unlock(message);
        if sim::irql() != DEVICE_IRQL {
            sim::fail(
                "INT-02",
                format!(
                    "the service routine of message {message} returned at IRQL {}",
                    sim::irql()
                ),
            );
        }
        if queue_default != 0 {
            let processor = sim::processor();
            let dpc = match self.adapter.personality.get().dpcs {
                DpcObjects::PerProcessor => Dpc::On(processor),
                DpcObjects::DefaultApart => Dpc::Default,
            };
            self.queue(message, dpc, processor, 0);
        } else {
            // The answer has room for 32 processors of the first group.
            self.queue_mask(message, (0, targets.into()), 0);
        }
        self.busy.set(self.busy.get() - 1);
    }

    fn lock(&self, message: u32) {
        let lock = &self.locks[message as usize % self.locks.len()];
        while lock.get() {
            sim::yield_now();
        }
        lock.set(true);
    }

    fn unlock(&self, message: u32) {
        self.locks[message as usize % self.locks.len()].set(false);
    }

    /// Queues it for the processors of a group that the mask names; those where it was not queued yet.
    fn queue_mask(self: &Rc<Self>, message: u32, (group, mask): (u16, u64), context: usize) -> u64 {
        let all = kernel::group_processors(self.adapter.host, group);
        let wanted = all.enumerate().filter(|(bit, _)| mask >> bit & 1 != 0);
        wanted
            .filter(|(_, processor)| self.queue(message, Dpc::On(*processor), *processor, context))
            .fold(0, |done, (bit, _)| done | 1 << bit)
    }

    /// Processors that a DPC is wanted on exist, and there is one at least (INT-03).
    fn expect_target(&self, ddi: &str, (group, mask): (u16, u64)) {
        let count = kernel::group_processors(self.adapter.host, group).len();
        let there = u64::MAX.checked_shr(64 - count as u32).unwrap_or(0);
        if mask == 0 || mask & !there != 0 {
            sim::fail(
                "INT-03",
                format!("{ddi} for processors {mask:#x} of group {group}, which has {there:#x}"),
            );
        }
    }

    /// Queues a DPC of this message, to run on this processor; false if it is queued already (INT-03).
    fn queue(self: &Rc<Self>, message: u32, dpc: Dpc, processor: u32, context: usize) -> bool {
        let fresh = {
            let mut queued = self.queued.borrow_mut();
            let fresh = !queued.contains_key(&(message, dpc));
            queued.entry((message, dpc)).or_insert(context);
            fresh
        };
        if fresh {
            self.busy.set(self.busy.get() + 1);
            let this = Rc::clone(self);
            kernel::queue_dpc(self.adapter.host, processor, move || {
                this.run_dpc(message, dpc, processor);
            });
        }
        fresh
    }

    fn run_dpc(self: &Rc<Self>, message: u32, dpc: Dpc, processor: u32) {
        let context = self.queued.borrow_mut().remove(&(message, dpc)).unwrap_or(0);
        let began = sim::now();
        let limit = LIMITS[sim::choose(Stream::Ndis, LIMITS.len() as u64) as usize];
        let more = self.call_dpc(message, context, limit);
        kernel::expect_clean("MiniportMessageInterruptDPC");
        if sim::now() - began > LONGEST_DPC {
            sim::fail(
                "INT-09",
                format!("the DPC of message {message} ran for {} ns", sim::now() - began),
            );
        }
        if more {
            self.queue(message, dpc, processor, context);
        }
        self.busy.set(self.busy.get() - 1);
    }

    /// Calls the driver's DPC routine, which may indicate so many packets. Whether it says that more are pending.
    fn call_dpc(&self, message: u32, context: usize, limit: u32) -> bool {
        let mut throttle = NDIS_RECEIVE_THROTTLE_PARAMETERS {
            MaxNblsToIndicate: limit,
            BitField4: 0,
        };
        let parameters = (&raw mut throttle).cast();
        self.adapter.receives.dpc_begins(limit);
        if let Some(handler) = self.characteristics.MessageInterruptDpcHandler {
            let _driver = sim::enter_driver();
            // SAFETY: the driver registered the handler; deregistration waits for this DPC.
            unsafe {
                handler(
                    self.context,
                    message,
                    context as *mut c_void,
                    parameters,
                    ptr::null_mut(),
                );
            };
        }
        let more = throttle.BitField4 & MORE_PENDING != 0;
        self.adapter.receives.dpc_ends(limit, more);
        more
    }
}

/// The message table: one entry for each message, with where and what the device writes to raise it.
fn message_info(adapter: &AdapterState, messages: u32) -> Vec<u64> {
    let head = std::mem::offset_of!(IO_INTERRUPT_MESSAGE_INFO, MessageInfo);
    let bytes = head + messages as usize * size_of::<IO_INTERRUPT_MESSAGE_INFO_ENTRY>();
    let mut words = vec![0_u64; bytes.div_ceil(8)];
    let info: *mut IO_INTERRUPT_MESSAGE_INFO = words.as_mut_ptr().cast();
    // SAFETY: the words are large enough for the head.
    unsafe { (*info).UnifiedIrql = DEVICE_IRQL };
    // SAFETY: as above.
    unsafe { (*info).MessageCount = messages };
    for message in 0..messages {
        let (address, data) = kernel::message_target(message);
        let entry = IO_INTERRUPT_MESSAGE_INFO_ENTRY {
            MessageAddress: PHYSICAL_ADDRESS {
                QuadPart: address as i64,
            },
            TargetProcessorSet: adapter.placement.get().set(message) as usize,
            InterruptObject: ptr::null_mut(),
            MessageData: data,
            Vector: FIRST_VECTOR + message,
            Irql: DEVICE_IRQL,
            Mode: 1,
            Polarity: 0,
        };
        #[expect(clippy::cast_ptr_alignment, reason = "the head is a multiple of 8 bytes")]
        let at = words
            .as_mut_ptr()
            .cast::<u8>()
            .wrapping_add(head)
            .cast::<IO_INTERRUPT_MESSAGE_INFO_ENTRY>();
        // SAFETY: the words are large enough for `messages` entries behind the head.
        unsafe { at.add(message as usize).write(entry) };
    }
    words
}

/// `NdisMDeregisterInterruptEx`: returns when no service routine and no DPC runs or is queued (HALT-02).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMDeregisterInterruptEx(handle: NDIS_HANDLE) {
    let ddi = "NdisMDeregisterInterruptEx";
    kernel::enter(ddi, Level::Passive);
    let interrupt = table::interrupt(handle, ddi);
    interrupt.connected.set(false);
    for message in 0..interrupt.messages {
        kernel::disconnect_message(&interrupt.adapter.function, message);
    }
    let _deadline = interrupt.adapter.within("HALT-02", ddi);
    while interrupt.busy.get() > 0 {
        sim::sleep(MICROSECOND);
    }
    adapter::release(&interrupt.adapter.held.interrupts, handle);
    table::remove(handle);
}

/// `NdisMSynchronizeWithInterruptEx`: runs a function of the driver with the message's interrupt lock held.
///
/// # Safety
/// The function may be called with the context.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMSynchronizeWithInterruptEx(
    handle: NDIS_HANDLE,
    message: u32,
    function: MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER,
    context: *mut c_void,
) -> u8 {
    let ddi = "NdisMSynchronizeWithInterruptEx";
    kernel::enter(ddi, Level::Any);
    let Some(Object::Interrupt(interrupt)) = table::find(handle) else {
        sim::fail("VRF-16", format!("{ddi} after NdisMDeregisterInterruptEx"));
    };
    if !interrupt.connected.get() {
        sim::fail("VRF-16", format!("{ddi} during NdisMDeregisterInterruptEx"));
    }
    let old = kernel::raise(DEVICE_IRQL);
    interrupt.lock(message);
    // SAFETY: the caller vouches for function and context.
    let result = function.map_or(0, |function| unsafe { function(context) });
    interrupt.unlock(message);
    kernel::lower(old);
    result
}

/// `NdisMQueueDpc`: queues the message's DPC for the processors of a mask; returns those where it was not queued yet. The mask has room for
/// 32 processors of the first group.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMQueueDpc(
    handle: NDIS_HANDLE,
    message: u32,
    targets: u32,
    context: *mut c_void,
) -> u32 {
    let ddi = "NdisMQueueDpc";
    kernel::enter(ddi, Level::Any);
    let interrupt = table::interrupt(handle, ddi);
    interrupt.queue_mask(message, (0, targets.into()), context as usize) as u32
}

/// `NdisMQueueDpcEx`: the same for processors of any group (INT-03).
///
/// # Safety
/// `targets` leads to processors of one group.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMQueueDpcEx(
    handle: NDIS_HANDLE,
    message: u32,
    targets: *mut GROUP_AFFINITY,
    context: *mut c_void,
) -> usize {
    let ddi = "NdisMQueueDpcEx";
    kernel::enter(ddi, Level::Any);
    let interrupt = table::interrupt(handle, ddi);
    // SAFETY: the caller's processors.
    let targets = unsafe { targets.read() };
    if targets.Reserved != [0; 3] {
        sim::fail("INT-03", format!("{ddi} with a Reserved that is not 0"));
    }
    let target = (targets.Group, targets.Mask as u64);
    interrupt.expect_target(ddi, target);
    interrupt.queue_mask(message, target, context as usize) as usize
}
