//! Counts what a call of the driver costs: instructions, locked operations, fences, device register writes, kernel calls.
//!
//! The processor's trap flag stops the thread after every instruction; the handler decodes the next one and counts it. The
//! count begins at the entry of the given function and ends when it returns. What the simulated kernel does on behalf of
//! the driver is not the driver's: a call of one of the `kernel` functions counts as one kernel call, and its
//! instructions are left out, except for what a function like `GetScatterGatherList` calls back in the driver. It works wherever the program runs, needs no privilege, and gives the same numbers every time.

use std::cell::{Cell, UnsafeCell};
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use crate::sim::stepping::{self, Registers};

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Instructions executed.
    pub instructions: u64,
    /// Of them with a lock prefix, or an exchange with memory.
    pub locked: u64,
    /// `mfence`, `sfence`, `lfence`, and locked operations that only order.
    pub fences: u64,
    /// Writes to device registers.
    pub mmio_writes: u64,
    /// Calls of kernel functions.
    pub kernel_calls: u64,
    /// Of them those that allocate memory.
    pub allocations: u64,
}

impl Cost {
    /// Adds what another call cost.
    pub const fn add(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.locked += other.locked;
        self.fences += other.fences;
        self.mmio_writes += other.mmio_writes;
        self.kernel_calls += other.kernel_calls;
        self.allocations += other.allocations;
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Addresses of the kernel functions that the driver may call.
    pub kernel: Vec<usize>,
    /// Those of them that allocate memory.
    pub allocators: Vec<usize>,
    /// Addresses of device registers.
    pub registers: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for the entry.
    Before,
    /// In the function.
    Inside,
    /// In a kernel function.
    InKernel,
    /// The function has returned.
    After,
}

struct State {
    phase: Phase,
    entry: u64,
    back: u64,
    kernel_back: u64,
    kernel_stack: u64,
    /// A routine of the driver that the running kernel function calls; 0 for none.
    callback: u64,
    /// Where that returns to, and the kernel function's own return, while it runs.
    called_back: Option<(u64, (u64, u64))>,
    watch: Watch,
    cost: Cost,
}

struct Shared(UnsafeCell<Option<State>>);

// SAFETY: only the thread that measures touches it, and the handler runs on that thread.
unsafe impl Sync for Shared {}

static STATE: Shared = Shared(UnsafeCell::new(None));
static MEASURING: std::sync::Mutex<()> = std::sync::Mutex::new(());

thread_local! {
    /// Whether this thread measures.
    static MEASURES: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call`, which calls the function at `entry` once, and says what that cost; with the result of `call`.
///
/// # Panics
///
/// When the function was not called.
pub fn measure<T>(entry: usize, watch: &Watch, call: impl FnOnce() -> T) -> (Cost, T) {
    // The decoder builds its tables at first use, which the observer must not be the one to do.
    std::hint::black_box(Decoder::with_ip(64, &[0x90], 0, DecoderOptions::NONE).decode());
    let _alone = MEASURING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let state = State {
        phase: Phase::Before,
        entry: entry as u64,
        back: 0,
        kernel_back: 0,
        kernel_stack: 0,
        callback: 0,
        called_back: None,
        watch: watch.clone(),
        cost: Cost::default(),
    };
    // SAFETY: the lock makes this the only measurement, and no handler runs before the flag is set.
    unsafe { *STATE.0.get() = Some(state) };
    MEASURES.set(true);
    let result = stepping::observe(observe, call);
    MEASURES.set(false);
    // SAFETY: the flag is clear, so no handler runs any more.
    let state = unsafe { (*STATE.0.get()).take() }.expect("set above");
    assert!(
        state.phase == Phase::After,
        "the function to measure was not called"
    );
    (state.cost, result)
}

/// Says that the running kernel function calls this routine of the driver now: its instructions are the driver's.
pub fn calls_back(routine: usize) {
    if MEASURES.get() {
        // SAFETY: this thread measures; its handler runs between two instructions of it and leaves the place alone.
        if let Some(state) = unsafe { &mut *STATE.0.get() } {
            state.callback = routine as u64;
        }
    }
}

/// After each instruction: true until the function has returned.
fn observe(registers: &Registers) -> bool {
    // SAFETY: the observer runs on the measuring thread, which is stopped.
    let Some(state) = (unsafe { &mut *STATE.0.get() }) else {
        return false;
    };
    state.step(registers);
    state.phase != Phase::After
}

impl State {
    /// The instruction at the saved instruction pointer comes next.
    fn step(&mut self, registers: &Registers) {
        let (next, stack) = (
            registers[libc::REG_RIP as usize] as u64,
            registers[libc::REG_RSP as usize] as u64,
        );
        match self.phase {
            Phase::Before if next == self.entry => {
                // SAFETY: at a function's entry the return address is on top of the stack.
                self.back = unsafe { *(stack as *const u64) };
                self.phase = Phase::Inside;
                self.count(next, registers);
            }
            Phase::Inside if next == self.back => self.phase = Phase::After,
            Phase::Inside if self.called_back.is_some_and(|(back, _)| next == back) => {
                if let Some((_, (back, stack))) = self.called_back.take() {
                    (self.kernel_back, self.kernel_stack) = (back, stack);
                }
                self.phase = Phase::InKernel;
            }
            Phase::Inside if self.watch.kernel.contains(&(next as usize)) => {
                // SAFETY: as above.
                self.kernel_back = unsafe { *(stack as *const u64) };
                self.kernel_stack = stack;
                self.cost.kernel_calls += 1;
                self.cost.allocations += u64::from(self.watch.allocators.contains(&(next as usize)));
                self.phase = Phase::InKernel;
            }
            Phase::Inside => self.count(next, registers),
            Phase::InKernel if next == self.kernel_back && stack > self.kernel_stack => {
                self.phase = Phase::Inside;
                if next == self.back {
                    self.phase = Phase::After;
                } else {
                    self.count(next, registers);
                }
            }
            Phase::InKernel if next == self.callback && self.called_back.is_none() => {
                // SAFETY: as above.
                let back = unsafe { *(stack as *const u64) };
                self.called_back = Some((back, (self.kernel_back, self.kernel_stack)));
                self.callback = 0;
                self.phase = Phase::Inside;
                self.count(next, registers);
            }
            Phase::Before | Phase::InKernel | Phase::After => {}
        }
    }

    fn count(&mut self, address: u64, registers: &Registers) {
        // SAFETY: the processor is about to execute what is there; 15 bytes are the most that an instruction has, and code
        // is followed by more code or by the rest of its page.
        let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, 15) };
        let instruction = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode();
        self.cost.instructions += 1;
        let memory = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Memory;
        let exchange =
            instruction.mnemonic() == Mnemonic::Xchg && (memory || instruction.op1_kind() == OpKind::Memory);
        // Compilers write a full fence as a locked operation that changes nothing on the stack.
        let idle = instruction.has_lock_prefix() && instruction.memory_base() == Register::RSP;
        self.cost.locked += u64::from((instruction.has_lock_prefix() && !idle) || exchange);
        let fence = matches!(
            instruction.mnemonic(),
            Mnemonic::Mfence | Mnemonic::Sfence | Mnemonic::Lfence
        ) || idle;
        self.cost.fences += u64::from(fence);
        let store = memory && stores(&instruction);
        self.cost.mmio_writes += u64::from(store && self.is_register(&instruction, registers));
    }

    fn is_register(&self, instruction: &Instruction, registers: &Registers) -> bool {
        let address = instruction.virtual_address(0, 0, |register, _, _| value(register, registers));
        address.is_some_and(|address| self.watch.registers.contains(&(address as usize)))
    }
}

/// Whether an instruction whose first operand is memory writes it.
fn stores(instruction: &Instruction) -> bool {
    !matches!(
        instruction.mnemonic(),
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Call | Mnemonic::Jmp | Mnemonic::Push
    )
}

fn value(register: Register, registers: &Registers) -> Option<u64> {
    let index = match register.full_register() {
        Register::RAX => libc::REG_RAX,
        Register::RBX => libc::REG_RBX,
        Register::RCX => libc::REG_RCX,
        Register::RDX => libc::REG_RDX,
        Register::RSI => libc::REG_RSI,
        Register::RDI => libc::REG_RDI,
        Register::RBP => libc::REG_RBP,
        Register::RSP => libc::REG_RSP,
        Register::R8 => libc::REG_R8,
        Register::R9 => libc::REG_R9,
        Register::R10 => libc::REG_R10,
        Register::R11 => libc::REG_R11,
        Register::R12 => libc::REG_R12,
        Register::R13 => libc::REG_R13,
        Register::R14 => libc::REG_R14,
        Register::R15 => libc::REG_R15,
        Register::DS | Register::ES | Register::SS | Register::CS => return Some(0),
        _ => return None,
    };
    Some(registers[index as usize] as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    static REGISTER: AtomicU64 = AtomicU64::new(0);

    #[inline(never)]
    extern "win64" fn kernel() {
        for _ in 0..100 {
            std::hint::black_box(());
        }
    }

    #[inline(never)]
    extern "win64" fn sample(times: u64) -> u64 {
        for _ in 0..times {
            REGISTER.store(times, Ordering::Relaxed);
        }
        REGISTER.fetch_add(1, Ordering::Relaxed);
        std::sync::atomic::fence(Ordering::SeqCst);
        kernel();
        times
    }

    fn cost(times: u64) -> Cost {
        let at = REGISTER.as_ptr() as usize;
        let watch = Watch {
            kernel: vec![kernel as *const () as usize],
            allocators: Vec::new(),
            registers: at..at + 8,
        };
        let entry = sample as extern "win64" fn(u64) -> u64;
        measure(entry as *const () as usize, &watch, || {
            std::hint::black_box(entry)(times)
        })
        .0
    }

    #[test]
    fn a_call_costs_what_it_does_and_the_same_every_time() {
        let (one, four) = (cost(1), cost(4));
        assert_eq!(one, cost(1));
        assert_eq!(four.mmio_writes - one.mmio_writes, 3, "one store a round");
        assert!(four.instructions > one.instructions);
        assert!(
            one.instructions < 60,
            "{} instructions: the kernel's were counted",
            one.instructions
        );
        assert_eq!((one.locked, one.kernel_calls), (1, 1));
        assert_eq!(one.fences, 1);
    }
}
