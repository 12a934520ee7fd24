//! What a crash says: the kind of the exception, where, on which stack, and who had called.

use crate::sim;
use std::cell::Cell;
use std::rc::Rc;

/// Rule id of an exception that nobody handles: Windows would stop with `KMODE_EXCEPTION_NOT_HANDLED` or its like.
pub(super) const FAULT: &str = "FAULT";

/// How far below its stack a frame may reach and still be taken for that stack's overflow: larger than any driver's frame.
const OVERSHOOT: usize = 64 * 1024;

/// How addresses of code are told in words: by whoever loads code.
#[derive(Clone, Copy)]
pub struct CodeNames {
    /// The place that an address lies in.
    pub place: fn(usize) -> Option<String>,
    /// The calls whose return addresses lie on a stack between two addresses. It is only called when all words there are mapped and the
    /// context that owns the stack stands still.
    pub callers: unsafe fn(usize, usize) -> Vec<String>,
}

impl Default for CodeNames {
    fn default() -> Self {
        Self {
            place: |_| None,
            callers: |_, _| Vec::new(),
        }
    }
}

#[derive(Default)]
struct Names(Cell<CodeNames>);

/// Has crashes of this run explained with these names.
pub fn explain_with(names: CodeNames) {
    let place: Rc<Names> = sim::local();
    place.0.set(names);
}

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
        let names = sim::local::<Names>();
        let place = (names.0.get().place)(at).unwrap_or_else(|| format!("{at:#x}"));
        let (kind, irql) = (self.kind(bar), sim::irql());
        let mut text = format!("{kind} by the instruction at {place}, IRQL {irql}");
        for caller in self.callers() {
            text.extend(["\n  called from ", &caller]);
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
        let names = sim::local::<Names>();
        // SAFETY: from the stack's limit to its top all words are mapped, and the context that owns it stands still.
        unsafe { (names.0.get().callers)(self.stack.max(limit), top) }
    }
}
