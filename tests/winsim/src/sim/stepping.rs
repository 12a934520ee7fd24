//! Stepping through a driver's instructions by the processor's trap flag: the one owner of `SIGTRAP`.
//!
//! A trap after an instruction belongs to who steps on this thread: a measurement ([`observe`]) or a window of preemption
//! ([`super::window`]). Any other one is a breakpoint that the code itself holds.

use std::cell::Cell;
use std::sync::{Once, OnceLock};

use super::window;

/// The general registers of an interrupted context, by `libc::REG_*`.
pub type Registers = [libc::greg_t; 23];
/// What is done after each instruction. False ends the stepping.
pub type Observer = fn(&Registers) -> bool;
/// What happens at a breakpoint: the signal's number, its information and the interrupted context.
pub type Breakpoint = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// `RFLAGS.TF`.
const TRAP_FLAG: libc::greg_t = 0x100;
/// `int3`.
const BREAKPOINT: u8 = 0xcc;

static BREAKPOINTS: OnceLock<Breakpoint> = OnceLock::new();

thread_local! {
    static OBSERVER: Cell<Option<Observer>> = const { Cell::new(None) };
}

/// Says what happens at breakpoints, for the whole program. The first call counts.
pub fn on_breakpoint(action: Breakpoint) {
    let _ = BREAKPOINTS.set(action);
    install();
}

/// Runs `call` and shows the registers to `observer` after each instruction of it, until that has seen enough.
pub fn observe<T>(observer: Observer, call: impl FnOnce() -> T) -> T {
    install();
    OBSERVER.set(Some(observer));
    set_trap_flag(true);
    let result = call();
    set_trap_flag(false);
    OBSERVER.set(None);
    result
}

/// Whether somebody observes this thread.
pub(super) fn is_observed() -> bool {
    OBSERVER.get().is_some()
}

/// Sets or clears the trap flag of the running code.
#[inline(never)]
pub(super) fn set_trap_flag(on: bool) {
    // SAFETY: only the trap flag changes; the handler for its trap is installed.
    unsafe {
        if on {
            std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
        } else {
            std::arch::asm!("pushfq", "and qword ptr [rsp], -257", "popfq");
        }
    }
}

/// Makes the interrupted code trap after its next instruction, or not.
pub(super) const fn trap_next(registers: &mut Registers, on: bool) {
    let flags = &mut registers[libc::REG_EFL as usize];
    *flags = if on {
        *flags | TRAP_FLAG
    } else {
        *flags & !TRAP_FLAG
    };
}

/// Installs the handler, once for the program.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all fields of a sigaction may be zero.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_trap as *const () as usize;
        // On the stack of the code that is stepped: a window suspends its context in the midst of the handler. For the
        // same reason the signal stays open.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        // SAFETY: the handler has the signature that SA_SIGINFO asks for and keeps to its thread's state.
        let result = unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut()) };
        assert_eq!(result, 0, "no handler for SIGTRAP");
    });
}

extern "C" fn on_trap(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted context, ours to change.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let next = registers[libc::REG_RIP as usize] as usize;
    // SAFETY: the system passes the signal's information.
    let code = unsafe { (*info).si_code };
    if window::is_landing(next) {
        window::land(registers);
    } else if code != libc::TRAP_TRACE && is_breakpoint(next) {
        match BREAKPOINTS.get() {
            Some(action) => action(signal, info, context),
            None => std::process::abort(),
        }
    } else if let Some(observer) = OBSERVER.get() {
        trap_next(registers, observer(registers));
    } else {
        window::step(registers);
    }
}

fn is_breakpoint(next: usize) -> bool {
    // SAFETY: the processor has just executed the instruction that ends there.
    unsafe { *((next - 1) as *const u8) == BREAKPOINT }
}
