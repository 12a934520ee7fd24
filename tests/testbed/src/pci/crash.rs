//! What a crash says: the kind of the exception, where, on which stack, and who had called.

use crate::nt::image;
use crate::sim;

/// Rule id of an exception that nobody handles: Windows would stop with `KMODE_EXCEPTION_NOT_HANDLED` or its like.
pub(super) const FAULT: &str = "FAULT";

/// How far below its stack a frame may reach and still be taken for that stack's overflow: larger than any driver's frame.
const OVERSHOOT: usize = 64 * 1024;

/// One exception.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) signal: libc::c_int,
    /// The address that was accessed.
    pub(super) address: usize,
    /// That of the instruction; for a breakpoint, of the next.
    pub(super) instruction: usize,
    /// The stack pointer.
    pub(super) stack: usize,
}

impl Fault {
    /// In words. `bar`: the address lies in a BAR.
    pub(super) fn describe(&self, bar: bool) -> String {
        let breakpoint = usize::from(self.signal == libc::SIGTRAP);
        let at = self.instruction - breakpoint;
        let place = image::describe(at).unwrap_or_else(|| format!("{at:#x}"));
        let mut text = format!("{} by the instruction at {place}", self.kind(bar));
        text += &format!(", IRQL {}", sim::irql());
        for caller in self.callers() {
            text += &format!("\n  called from {caller}");
        }
        text
    }

    fn kind(&self, bar: bool) -> String {
        let address = self.address;
        match self.signal {
            libc::SIGILL => "illegal instruction".to_owned(),
            libc::SIGTRAP => "breakpoint (int3)".to_owned(),
            libc::SIGFPE => "division by zero or overflow".to_owned(),
            _ if self.is_overflow() => format!("stack overflow: access to {address:#x}"),
            _ if bar => format!("access to a BAR, not as a plain store, at {address:#x}"),
            _ => format!("access violation: access to memory that is not there at {address:#x}"),
        }
    }

    fn is_overflow(&self) -> bool {
        sim::stack().is_some_and(|(limit, _)| {
            let reach = limit - OVERSHOOT..limit;
            reach.contains(&self.address)
        })
    }

    fn callers(&self) -> Vec<String> {
        let Some((limit, top)) = sim::stack() else {
            return Vec::new();
        };
        if !self.stack.is_multiple_of(8) || self.stack >= top {
            return Vec::new();
        }
        // SAFETY: from the stack's limit to its top all words are mapped, and the context that owns it stands still.
        unsafe { image::return_addresses(self.stack.max(limit), top) }
    }
}
