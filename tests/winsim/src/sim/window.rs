//! Windows of preemption: the seed picks an instruction of a driver, and others run between it and the one before.
//!
//! Kernel calls are not the only places where another processor gets in between. A window begins where the kernel calls a driver
//! ([`enter_driver`]): the trap flag stops the context after each of a seeded number of the driver's instructions, and then
//! the context stands still, by its turn or for some microseconds, as a processor does that a hypervisor or an
//! interrupt takes away. IRQL and processor stay as they are.
//!
//! Only the driver's code is stepped ([`set_driver_code`] says what that is). A call out of it runs at full speed: its return
//! address is exchanged for that of a breakpoint, at which stepping goes on. Each window costs a microsecond or two for
//! an instruction, and a run opens fewer and fewer of them, so that long runs pay what short ones do.

use std::cell::Cell;
use std::sync::OnceLock;

use super::executor::{self, with};
use super::random::{Stream, choose};
use super::stepping::{self, Registers, trap_next};
use super::{MICROSECOND, contexts, history};

/// Calls out of the driver, within calls of it, that one context can have while it is stepped.
const DEPTH: usize = 16;
/// Instructions between [`enter_driver`] and the driver's first, at most.
const WAY: u32 = 400;
/// The longest window is two to this power of instructions.
const LONGEST: u64 = 12;
/// The longest standstill, in microseconds.
const STANDSTILL: u64 = 40;
/// Calls of the driver before the first window are fewer than this; each window adds a share of all calls so far.
const FIRST: u64 = 6;
/// One part in so many of all calls so far passes before the next window, at most.
const SHARE: u64 = 6;

static DRIVER_CODE: OnceLock<fn(usize) -> bool> = OnceLock::new();

/// Says which addresses hold code of drivers, for the whole program. The first call counts.
pub fn set_driver_code(test: fn(usize) -> bool) {
    let _ = DRIVER_CODE.set(test);
}

fn is_driver(address: usize) -> bool {
    DRIVER_CODE.get().is_some_and(|test| test(address))
}

/// When a run opens windows.
#[derive(Default)]
pub(super) struct Windows {
    /// Off until asked for.
    on: Cell<bool>,
    /// Calls of drivers so far.
    calls: Cell<u64>,
    /// The call at which the next window opens.
    next: Cell<u64>,
    opened: Cell<u64>,
    taken: Cell<u64>,
}

/// A call out of the driver that has not returned.
#[derive(Clone, Copy, Default)]
struct Out {
    /// Where it returns to.
    back: usize,
    /// The stack pointer after that.
    stack: usize,
}

/// What one context keeps of its window.
#[derive(Default)]
pub(super) struct Window {
    /// Instructions to the preemption; 0: no window.
    left: Cell<u32>,
    /// Whether the driver has been reached since the kernel last called it.
    inside: Cell<bool>,
    /// Instructions outside the driver before that.
    way: Cell<u32>,
    /// The stack pointer before the instruction that was executed last.
    stack: Cell<usize>,
    out: [Cell<Out>; DEPTH],
    depth: Cell<usize>,
}

/// One call of a driver, seen from the kernel; ends when dropped.
pub struct InDriver {
    /// Whether the call is stepped.
    stepped: bool,
    /// Whether the window began with this call.
    first: bool,
}

/// Turns windows of preemption on or off, from the next call of a driver on. Returns what was before.
pub fn set_windows(on: bool) -> bool {
    stepping::install();
    with(|sim| sim.windows.on.replace(on))
}

/// How long a driver can stand still between two of its instructions, in nanoseconds: 0 where only kernel calls preempt it.
pub fn longest_standstill() -> u64 {
    let on = with(|sim| sim.windows.on.get());
    if on { STANDSTILL * MICROSECOND } else { 0 }
}

/// The longest that drivers can have stood still between two of their instructions so far, one after the other, in nanoseconds: what a
/// measured time may be longer by.
pub fn stood_still() -> u64 {
    preemptions_inside() * longest_standstill()
}

/// A moment of a run: how long it is ago, less the time that drivers may have stood still since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    time: u64,
    stood: u64,
}

impl Moment {
    /// This one.
    pub fn now() -> Self {
        Self {
            time: executor::now(),
            stood: stood_still(),
        }
    }

    /// Nanoseconds since then in which drivers went on.
    pub fn elapsed(self) -> u64 {
        let stood = stood_still() - self.stood;
        (executor::now() - self.time).saturating_sub(stood)
    }
}

/// How many preemptions inside a driver's code there were.
pub fn preemptions_inside() -> u64 {
    with(|sim| sim.windows.taken.get())
}

/// The kernel calls a driver now. To be followed by the call itself, with nothing in between.
pub fn enter_driver() -> InDriver {
    let stepped = with(|sim| {
        if !sim.windows.on.get() || sim.current.get().is_null() || stepping::is_observed() {
            return None;
        }
        let open = sim.with_current(|task| task.window.left.get() > 0) == Some(true);
        if open {
            return Some(false);
        }
        sim.windows.is_due().then_some(true)
    });
    let Some(first) = stepped else {
        return InDriver {
            stepped: false,
            first: false,
        };
    };
    let length = if first { draw_length() } else { 0 };
    with(|sim| {
        sim.with_current(|task| {
            let window = &task.window;
            if first {
                window.left.set(length);
            }
            window.inside.set(false);
            window.way.set(WAY);
        });
    });
    stepping::set_trap_flag(true);
    InDriver { stepped: true, first }
}

impl Drop for InDriver {
    fn drop(&mut self) {
        if self.stepped {
            stepping::set_trap_flag(false);
        }
        if self.first {
            with(|sim| sim.with_current(|task| task.window.left.set(0)));
        }
    }
}

impl Windows {
    /// Counts a call; true if a window opens with it.
    fn is_due(&self) -> bool {
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if calls < self.next.get() {
            return false;
        }
        let gap = 1 + choose(Stream::Preemption, FIRST + calls / SHARE);
        self.next.set(calls + gap);
        self.opened.set(self.opened.get() + 1);
        true
    }
}

/// Short windows are as likely as long ones: what races is often near a call's beginning.
fn draw_length() -> u32 {
    let power = choose(Stream::Preemption, LONGEST);
    let longest = 2_u64 << power;
    1 + choose(Stream::Preemption, longest) as u32
}

/// One instruction was executed; the next is at the instruction pointer.
pub(super) fn step(registers: &mut Registers) {
    let go_on = with(|sim| sim.with_current(|task| task.window.step(&*registers)));
    match go_on {
        Some(After::GoOn) => trap_next(registers, true),
        Some(After::Stop) | None => trap_next(registers, false),
        Some(After::Preempt) => {
            trap_next(registers, false);
            stand_still();
            trap_next(registers, again());
        }
    }
}

enum After {
    GoOn,
    Stop,
    Preempt,
}

impl Window {
    fn step(&self, registers: &Registers) -> After {
        let next = registers[libc::REG_RIP as usize] as usize;
        let stack = registers[libc::REG_RSP as usize] as usize;
        if self.left.get() == 0 {
            return After::Stop;
        }
        if is_driver(next) {
            self.inside.set(true);
            self.stack.set(stack);
            self.left.set(self.left.get() - 1);
            return if self.left.get() == 0 {
                After::Preempt
            } else {
                After::GoOn
            };
        }
        if !self.inside.get() {
            self.way.set(self.way.get().saturating_sub(1));
            return if self.way.get() == 0 {
                After::Stop
            } else {
                After::GoOn
            };
        }
        self.leave(stack);
        After::Stop
    }

    /// The driver called something else, or returned to who had called it.
    fn leave(&self, stack: usize) {
        self.inside.set(false);
        let called = stack == self.stack.get().wrapping_sub(size_of::<usize>());
        let depth = self.depth.get();
        if !called || depth == DEPTH {
            return;
        }
        let place = stack as *mut usize;
        // SAFETY: the top of the running context's stack.
        let back = unsafe { place.read() };
        if !is_driver(back) {
            return;
        }
        let out = Out {
            back,
            stack: stack + size_of::<usize>(),
        };
        self.out[depth].set(out);
        self.depth.set(depth + 1);
        // SAFETY: as above; the call returns to the landing, which knows where it had to return to.
        unsafe { place.write(landing()) };
    }

    /// A call out of the driver has returned.
    fn return_to(&self, stack: usize) -> Option<usize> {
        let depth = self.depth.get().checked_sub(1)?;
        let out = self.out[depth].get();
        self.depth.set(depth);
        (out.stack == stack).then_some(out.back)
    }
}

/// Lets others run, or time pass, between two instructions of the driver.
fn stand_still() {
    with(|sim| sim.windows.taken.set(sim.windows.taken.get() + 1));
    history::trace("preempted inside the driver", 0, 0);
    match choose(Stream::Preemption, 4) {
        0 => contexts::yield_now(),
        _ => contexts::sleep(1 + choose(Stream::Preemption, STANDSTILL * MICROSECOND)),
    }
}

/// Whether another window follows the one that has just ended.
fn again() -> bool {
    if choose(Stream::Preemption, 2) == 0 {
        return false;
    }
    let length = draw_length();
    with(|sim| sim.with_current(|task| task.window.left.set(length))).is_some()
}

std::arch::global_asm!(
    ".globl cxndk_testbed_landing",
    "cxndk_testbed_landing:",
    "int3",
    "ud2"
);

unsafe extern "C" {
    fn cxndk_testbed_landing();
}

/// A symbol of this program whose address is [`landmark`].
pub const LANDMARK: &str = "cxndk_testbed_landing";

/// Where [`LANDMARK`] lies, for those who read the program's own symbols.
pub fn landmark() -> usize {
    landing()
}

/// Where calls out of a stepped driver return to: a breakpoint.
fn landing() -> usize {
    cxndk_testbed_landing as *const () as usize
}

/// Whether the trap before the instruction at `next` is that of the landing.
pub(super) fn is_landing(next: usize) -> bool {
    next == landing() + 1
}

/// A call out of the driver has come to the landing: it goes on where it had been called from.
pub(super) fn land(registers: &mut Registers) {
    let stack = registers[libc::REG_RSP as usize] as usize;
    let back = with(|sim| sim.with_current(|task| task.window.return_to(stack))).flatten();
    let Some(back) = back else {
        // Nobody comes here but by a return address of ours.
        std::process::abort()
    };
    registers[libc::REG_RIP as usize] = back as libc::greg_t;
    step(registers);
}

/// What a word of a stack stands for, if it is the landing in place of a return address: one of the running context's.
pub fn true_return_address(word: usize, place: usize) -> usize {
    if word != landing() {
        return word;
    }
    let found = with(|sim| {
        sim.with_current(|task| {
            let window = &task.window;
            let outs = &window.out[..window.depth.get()];
            outs.iter()
                .map(Cell::get)
                .find(|out| out.stack == place + size_of::<usize>())
        })
    });
    found.flatten().map_or(word, |out| out.back)
}
