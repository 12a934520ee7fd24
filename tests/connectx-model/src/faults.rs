//! Planned misbehaviour of the firmware: commands refused, unanswered or answered with lies; death.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// Which executions of commands a fault is for. All given conditions must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Only this opcode.
    pub opcode: Option<u16>,
    /// Only the n-th command that meets the other conditions, counted from 0 since the plan was made.
    pub index: Option<u64>,
}

impl Matching {
    /// Every command.
    pub const fn any() -> Self {
        Self {
            opcode: None,
            index: None,
        }
    }

    /// The n-th command of all, from 0.
    pub const fn nth(index: u64) -> Self {
        Self {
            opcode: None,
            index: Some(index),
        }
    }

    /// Every command with that opcode.
    pub const fn opcode(opcode: u16) -> Self {
        Self {
            opcode: Some(opcode),
            index: None,
        }
    }

    /// The n-th command with that opcode, from 0.
    pub const fn nth_of(opcode: u16, index: u64) -> Self {
        Self {
            opcode: Some(opcode),
            index: Some(index),
        }
    }
}

/// Changes an output: all bytes of it, header first.
pub type Lie = Rc<dyn Fn(&mut Vec<u8>)>;

/// What happens to a command.
#[derive(Clone)]
pub enum CommandFault {
    /// Not executed; answered with this status and syndrome.
    Status(u8, u32),
    /// Not executed; the entry comes back with this delivery status.
    Delivery(u8),
    /// Not executed and never answered.
    Silence,
    /// Executed and answered, but this many nanoseconds late.
    Late(u64),
    /// Executed; the output is changed before it is written.
    Lie(Lie),
    /// The completion event of the command queue is lost; the entry is written.
    LostEvent,
    /// The firmware dies instead of executing it.
    Death,
}

impl fmt::Debug for CommandFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, syndrome) => write!(out, "Status({status:#x}, {syndrome:#x})"),
            Self::Delivery(status) => write!(out, "Delivery({status:#x})"),
            Self::Silence => out.write_str("Silence"),
            Self::Late(ns) => write!(out, "Late({ns} ns)"),
            Self::Lie(_) => out.write_str("Lie"),
            Self::LostEvent => out.write_str("LostEvent"),
            Self::Death => out.write_str("Death"),
        }
    }
}

struct Rule {
    matching: Matching,
    fault: CommandFault,
    seen: u64,
}

/// The faults of one device. Rules are asked in the order in which they were added; the first that fires wins.
#[derive(Default)]
pub struct FaultPlan {
    rules: RefCell<Vec<Rule>>,
}

impl FaultPlan {
    /// Adds a rule.
    pub fn add(&mut self, matching: Matching, fault: CommandFault) {
        self.rules.get_mut().push(Rule {
            matching,
            fault,
            seen: 0,
        });
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.rules.get_mut().clear();
    }

    /// No rules.
    pub fn is_empty(&self) -> bool {
        self.rules.borrow().is_empty()
    }

    /// A command is about to be executed: what happens to it?
    pub(super) fn consult(&self, opcode: u16) -> Option<CommandFault> {
        let mut chosen = None;
        for rule in self.rules.borrow_mut().iter_mut() {
            if rule.matching.opcode.is_some_and(|wanted| wanted != opcode) {
                continue;
            }
            let index = rule.seen;
            rule.seen += 1;
            if chosen.is_none() && rule.matching.index.is_none_or(|wanted| wanted == index) {
                chosen = Some(rule.fault.clone());
            }
        }
        chosen
    }
}
