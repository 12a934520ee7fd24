//! What arrives on QP1: to the connection that it belongs to, or answered from work items, since the way to the peer must be found first.

use super::{BACKLOG, Shared};
use crate::{
    cm::{
        gsi::Datagram,
        mad::{Mad, Message},
        questions::Neighbour,
        request,
        resolve::{self, Route, address},
    },
    nt::{Passive, Ref, pool::take_at},
};

impl Shared {
    /// A datagram arrived.
    pub(super) fn arrived(this: &Ref<Self>, datagram: &Datagram) {
        let now = this.now();
        if let Some(connection) = this.connection_of(datagram) {
            connection.receive(&datagram.mad, now);
            if matches!(datagram.mad.message, Message::Rep(_)) {
                this.learn(&connection);
            }
        } else if matches!(datagram.mad.message, Message::Req(_) | Message::Dreq(_)) {
            // Who asks gets an answer, but the way to the peer is not known yet.
            let mut backlog = this.backlog.lock();
            if backlog.len() < BACKLOG {
                backlog.push(*datagram);
                drop(backlog);
                this.work.queue(this.clone());
            }
        }
    }

    /// Answers what waits, without waiting itself.
    pub(super) fn answer(this: &Ref<Self>, passive: Passive<'_>) {
        loop {
            let datagram = take_at(&mut this.backlog.lock(), 0);
            let Some(datagram) = datagram else { break };
            request::answer(this, &datagram, passive);
        }
    }

    /// Has a neighbour asked, and the datagram answered when it has said something.
    pub(in crate::cm) fn ask(this: &Ref<Self>, neighbour: Neighbour, datagram: &Datagram, wanted: bool) {
        let asker = this.questions.add(neighbour, datagram, wanted);
        if let Some(asker) = asker.and_then(|asker| this.askers.get(asker)) {
            asker.queue(this.clone());
        }
    }

    /// One of the askers: asks neighbours as long as there are questions.
    pub(super) fn run_errands<const ASKER: usize>(this: &Ref<Self>, passive: Passive<'_>) {
        while let Some(errand) = this.questions.next(ASKER) {
            let Neighbour { local, hop } = errand.neighbour;
            let answer = resolve::ask(this.local.interface(), local, hop, passive);
            while let Some(datagram) = this.questions.waited(&errand) {
                // Nobody there: nobody is told.
                if let Ok(mac) = answer {
                    let route = Route::new(local, address(datagram.source), mac);
                    request::answer_over(this, &datagram, &route, passive);
                }
            }
        }
    }

    /// Sends a message back to where a datagram came from.
    pub(in crate::cm) fn answer_with(
        &self,
        datagram: &Datagram,
        message: Message,
        route: &Route,
        passive: Passive<'_>,
    ) {
        if let Ok(to) = self.gsi_address(route, passive) {
            self.send(&to, &Mad::new(datagram.mad.header.transaction_id, message));
        }
    }
}
