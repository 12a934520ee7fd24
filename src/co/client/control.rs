//! The control device: there while the driver has an adapter, it starts self-tests, one at a time.
//!
//! Cancelling the request, or closing the handle that it came through, breaks the test off.

use wdk_sys::_DEVICE_OBJECT as DEVICE_OBJECT;

use super::{
    report::{IOCTL, TestRequest},
    run::Run,
    script::Script,
};
use crate::{
    nt::{
        NdisHandle, NoMemory, Once, Passive, Ref, SpinLock, Status, WorkItem,
        control_device::{ControlDevice, Dispatch, Names, Text, context_of},
        irp::{Request, release_cancelled},
        sync::{AtomicUsize, Ordering},
    },
    sys::condis::IRP,
};

/// The device's name in the system.
static DEVICE: Text<14> = Text::new("\\Device\\cxndk");
/// The device's name for programs, which open it as `\\.\cxndk`.
pub static LINK: Text<18> = Text::new("\\DosDevices\\cxndk");
/// The system and administrators may do everything with it, nobody else anything.
static SECURITY: Text<28> = Text::new("D:P(A;;GA;;;SY)(A;;GA;;;BA)");
/// The most adapters that can be tested.
const MAX_ADAPTERS: usize = 32;
/// Between looks at the end of a run.
const LOOK_MS: u32 = 1;

/// An adapter as the system numbers it (`NET_LUID`). 0 is a number too: all adapters that netio does not know have it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct NetLuid(u64);

/// Who has the place of the one run.
#[derive(Clone, Copy)]
struct Slot {
    /// Somebody: from the request to the end of everything.
    taken: bool,
    /// The run has begun.
    begun: bool,
    /// The adapter that the run is about, while it has something on it.
    adapter: Option<NetLuid>,
}

impl Slot {
    const FREE: Self = Self {
        taken: false,
        begun: false,
        adapter: None,
    };
}

/// The control device's place.
struct Door {
    device: Option<ControlDevice>,
    /// Somebody registers or deregisters it.
    busy: bool,
}

/// The self-test of a driver.
pub struct SelfTest {
    driver: Once<NdisHandle>,
    worker: Once<WorkItem<Self>>,
    run: Ref<Run>,
    /// The driver's adapters that are initialized, each in the first place that was free.
    adapters: SpinLock<[Option<NetLuid>; MAX_ADAPTERS]>,
    door: SpinLock<Door>,
    slot: SpinLock<Slot>,
    /// Requests that are being looked at, or answered.
    entered: AtomicUsize,
}

impl core::fmt::Debug for SelfTest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SelfTest")
    }
}

impl SelfTest {
    /// Without a driver yet.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new() -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            driver: Once::new(),
            worker: Once::new(),
            run: Run::try_new()?,
            adapters: SpinLock::new([None; MAX_ADAPTERS]),
            door: SpinLock::new(Door {
                device: None,
                busy: false,
            }),
            slot: SpinLock::new(Slot::FREE),
            entered: AtomicUsize::new(0),
        })
    }

    /// The driver is registered: `ndis` is its handle.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn prepare(&self, ndis: NdisHandle) -> Result<(), NoMemory> {
        // Both are set once: a driver is registered once.
        let _ = self.worker.set(WorkItem::try_new(ndis, Self::work)?);
        let _ = self.driver.set(ndis);
        Ok(())
    }

    /// The driver goes; it has no adapter any more. Nothing of a run is left when this returns.
    pub fn stop(&self, passive: Passive<'_>) {
        if let Some(worker) = self.worker.get() {
            worker.drain(passive);
        }
    }

    /// An adapter is initialized: it can be tested from now on, as far as there is memory for that.
    pub fn adapter_came(this: &Ref<Self>, luid: u64, passive: Passive<'_>) {
        {
            let mut adapters = this.adapters.lock();
            if let Some(place) = adapters.iter_mut().find(|place| place.is_none()) {
                *place = Some(NetLuid(luid));
            }
        }
        this.enter_door(passive);
        let closed = this.door.lock().device.is_none();
        if closed && let Some(device) = this.open(passive) {
            this.door.lock().device = Some(device);
        }
        this.leave_door();
    }

    fn open(&self, passive: Passive<'_>) -> Option<ControlDevice> {
        let names = Names {
            device: DEVICE.string(),
            link: LINK.string(),
            security: SECURITY.string(),
        };
        let dispatch = Dispatch {
            create: Some(succeed),
            cleanup: Some(cleanup),
            close: Some(succeed),
            control: Some(control),
            other: Some(refuse),
        };
        let driver = *self.driver.get()?;
        let context = core::ptr::from_ref(self).cast();
        // SAFETY: the routines are those of this page; the self-test outlives the device.
        unsafe { ControlDevice::register(driver, &names, &dispatch, context, passive) }.ok()
    }

    /// An adapter goes: no test of it begins, one that runs is broken off.
    pub fn adapter_goes(&self, luid: u64) {
        {
            let mut adapters = self.adapters.lock();
            // One place only: another adapter with its number stays.
            if let Some(place) = adapters.iter_mut().find(|place| **place == Some(NetLuid(luid))) {
                *place = None;
            }
        }
        self.abort_if(Status::DEVICE_REMOVED, |run| run.plan().luid == luid);
    }

    /// The adapter is gone. A test of it has nothing to do with it any more when this returns, nor has it memory; the client may still be
    /// about to be deregistered. With the last adapter the device goes.
    pub fn adapter_gone(&self, luid: u64, passive: Passive<'_>) {
        while self.slot.lock().adapter == Some(NetLuid(luid)) {
            passive.sleep_ms(LOOK_MS);
        }
        self.enter_door(passive);
        let last = self.adapters.lock().iter().all(Option::is_none);
        let device = if last {
            self.door.lock().device.take()
        } else {
            None
        };
        if let Some(device) = device {
            // A test that is just ending has its report.
            if let Some(answer) = self.run.answer() {
                answer.give();
            }
            // Who has come in finds no adapter, and leaves at once.
            while self.entered.load(Ordering::Acquire) != 0 {
                passive.sleep_ms(LOOK_MS);
            }
            device.deregister(passive);
        }
        self.leave_door();
    }

    /// Waits for its turn to register or deregister the device.
    fn enter_door(&self, passive: Passive<'_>) {
        while core::mem::replace(&mut self.door.lock().busy, true) {
            passive.sleep_ms(LOOK_MS);
        }
    }

    fn leave_door(&self) {
        self.door.lock().busy = false;
    }

    /// Breaks off the run that `wanted` chooses. `<= DISPATCH_LEVEL`.
    fn abort_if(&self, why: Status, wanted: impl Fn(&Run) -> bool) {
        // Under the lock, so that the run is not another one meanwhile.
        let slot = self.slot.lock();
        if slot.begun && wanted(&self.run) {
            self.run.abort(why);
        }
    }

    /// A request for a test: refused at once, or pending.
    fn ask(this: &Ref<Self>, request: Request) -> i32 {
        if request.code() != IOCTL {
            return request.complete(Status::INVALID_DEVICE_REQUEST);
        }
        let claimed = TestRequest::parse(request.input(), request.room()).and_then(|plan| this.claim(plan));
        match claimed {
            Ok(plan) => Self::begin(this, plan, request),
            Err(status) => request.complete(status),
        }
    }

    /// Takes the place of the one run for the adapter that is meant.
    fn claim(&self, mut plan: TestRequest) -> Result<TestRequest, Status> {
        // The adapters' lock is held, so that an adapter that goes finds either no run or this one.
        let adapters = self.adapters.lock();
        let mut present = adapters.iter().copied().flatten();
        let chosen = present
            .find(|adapter| plan.luid == 0 || adapter.0 == plan.luid)
            .ok_or(Status::NO_SUCH_DEVICE)?;
        plan.luid = chosen.0;
        let mut slot = self.slot.lock();
        if slot.taken {
            return Err(Status::SHARING_VIOLATION);
        }
        slot.taken = true;
        slot.adapter = Some(chosen);
        Ok(plan)
    }

    fn begin(this: &Ref<Self>, plan: TestRequest, request: Request) -> i32 {
        let run = &this.run;
        let file = request.file();
        run.begin(plan, file, request.pend());
        this.slot.lock().begun = true;
        // SAFETY: `cancelled` marks the run and then releases the request.
        unsafe { run.arm(cancelled) };
        // The adapter may have gone since the place was taken, and found no run to break off.
        if !this.adapters.lock().contains(&Some(NetLuid(plan.luid))) {
            run.abort(Status::DEVICE_REMOVED);
        }
        if let Some(worker) = this.worker.get() {
            worker.queue(this.clone());
        }
        Status::PENDING.0
    }

    /// Does the run that has begun, if one has, and gives its place back.
    fn work(this: &Ref<Self>, passive: Passive<'_>) {
        if !this.slot.lock().begun {
            return;
        }
        let mut script = Script::new(&this.run, passive);
        script.run();
        this.slot.lock().adapter = None;
        script.deregister();
        // Whoever is answered may ask again at once; whoever takes the device away waits for this.
        this.entered.fetch_add(1, Ordering::AcqRel);
        let answer = this.run.answer();
        *this.slot.lock() = Slot::FREE;
        if let Some(answer) = answer {
            answer.give();
        }
        this.entered.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Hands a request to `act` with the device's self-test; without one the device is just coming or going.
///
/// # Safety
/// The arguments are those of a dispatch routine of the device.
unsafe fn dispatch(
    device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    act: impl FnOnce(&Ref<SelfTest>, Request) -> i32,
) -> i32 {
    // SAFETY: the caller's promise.
    let Some(request) = (unsafe { Request::new(irp) }) else {
        return Status::INVALID_PARAMETER.0;
    };
    // SAFETY: the caller's promise.
    let context = unsafe { context_of(device) }.cast::<SelfTest>();
    if context.is_null() {
        return request.complete(Status::DEVICE_NOT_READY);
    }
    // SAFETY: what the device was registered with, which outlives it.
    let this = unsafe { Ref::clone_raw(context) };
    this.entered.fetch_add(1, Ordering::AcqRel);
    let status = act(&this, request);
    this.entered.fetch_sub(1, Ordering::AcqRel);
    status
}

/// IRP_MJ_CREATE, IRP_MJ_CLOSE. `PASSIVE_LEVEL`.
unsafe extern "win64" fn succeed(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> i32 {
    // SAFETY: the system's duty.
    unsafe { dispatch(device, irp, |_, request| request.complete(Status::SUCCESS)) }
}

/// Every other request. `PASSIVE_LEVEL`.
unsafe extern "win64" fn refuse(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> i32 {
    // SAFETY: the system's duty.
    unsafe {
        dispatch(device, irp, |_, request| {
            request.complete(Status::INVALID_DEVICE_REQUEST)
        })
    }
}

/// IRP_MJ_CLEANUP: nobody wants the report any more. `PASSIVE_LEVEL`.
unsafe extern "win64" fn cleanup(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> i32 {
    // SAFETY: the system's duty.
    unsafe {
        dispatch(device, irp, |this, request| {
            let file = request.file();
            this.abort_if(Status::CANCELLED, |run| run.is_of_file(file));
            request.complete(Status::SUCCESS)
        })
    }
}

/// IRP_MJ_DEVICE_CONTROL. `PASSIVE_LEVEL`.
unsafe extern "win64" fn control(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> i32 {
    // SAFETY: the system's duty.
    unsafe { dispatch(device, irp, SelfTest::ask) }
}

/// The sender of a request wants it back. `DISPATCH_LEVEL`, with the cancel spin lock held.
unsafe extern "win64" fn cancelled(device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: the system's duty; the device is registered while a request pends.
    let context = unsafe { context_of(device) }.cast::<SelfTest>();
    // SAFETY: what the device was registered with, which outlives it.
    if let Some(this) = unsafe { context.as_ref() } {
        this.abort_if(Status::CANCELLED, |run| run.is_of(irp.addr()));
    }
    // SAFETY: the end of the cancel routine.
    unsafe { release_cancelled(irp) }
}
