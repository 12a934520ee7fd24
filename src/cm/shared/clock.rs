//! When connections are looked at again: each has one deadline at most, and one timer serves all.

use super::Shared;
use crate::{cm::Connection, nt::Ref};

impl Shared {
    /// Notes when a connection waits for something next, and has the timer come then.
    pub(in crate::cm) fn schedule(this: &Ref<Self>, connection: &Connection) {
        let earliest = {
            let mut tables = this.tables.lock();
            tables.connections.schedule(connection);
            tables.connections.earliest()
        };
        if let Some(earliest) = earliest {
            Self::wake_at(this, earliest);
        }
    }

    /// Has the timer come at `deadline`, if not earlier.
    fn wake_at(this: &Ref<Self>, deadline: u64) {
        let mut due = this.due.lock();
        if due.is_some_and(|due| due <= deadline) || this.tables.lock().stopped {
            return;
        }
        *due = Some(deadline);
        let after = deadline.saturating_sub(this.now()).clamp(1, u64::from(u32::MAX));
        this.timer.arm(after as u32, this.clone());
    }

    /// Wakes those whose time has come; those that it makes wait again have a time to come.
    pub(super) fn expired(this: &Ref<Self>) {
        *this.due.lock() = None;
        let (now, waiting) = (this.now(), this.tables.lock().connections.waiting());
        // Each once: one that is to come again at once comes with the next tick.
        for _ in 0..waiting {
            let Some(connection) = this.due_connection(now) else {
                break;
            };
            connection.expire(now);
        }
        let earliest = this.tables.lock().connections.earliest();
        if let Some(earliest) = earliest {
            Self::wake_at(this, earliest);
        }
    }

    fn due_connection(&self, now: u64) -> Option<Ref<Connection>> {
        self.tables.lock().connections.pop_due(now)
    }
}
