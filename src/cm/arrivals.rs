//! What arrives on QP1: to the connection that it belongs to, or answered from work items, since the way to the peer must be found first.

use super::{
    clock::now_ms,
    error::CmError,
    gsi::{Datagram, Gsi},
    mad::Message,
    questions::{ASKERS, Neighbour, Questions},
    request,
    resolve::{self, Route, Way, address},
    shared::Shared,
};
use crate::{
    dyn_ref,
    hw::cq::{CompletionTarget, CqFault},
    nt::{
        NdisHandle, Passive, Ref, SpinLock, Vec, WorkItem,
        pool::{take_at, try_with_capacity},
    },
};

/// Datagrams that wait for the work item; more are dropped, as on the wire, and come again.
const BACKLOG: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Arrivals {
    shared: Ref<Shared>,
    /// What has to be answered at `PASSIVE_LEVEL`, because the way to the peer must be found first.
    backlog: SpinLock<Vec<Datagram>>,
    work: WorkItem<Self>,
    /// What has to be answered and whose way back has to be asked for.
    questions: Questions,
    askers: [WorkItem<Self>; ASKERS],
}

/// Tells the agent that QP1 has something.
struct Bell(Ref<Arrivals>);

impl CompletionTarget for Bell {
    fn completed(&self) {
        if let Some(gsi) = self.0.shared.gsi.get() {
            gsi.poll(|datagram| Arrivals::arrived(&self.0, datagram));
        }
    }

    fn failed(&self, _: CqFault) {
        // Nothing arrives any more: connections under way end by their timers.
    }

    fn device_lost(&self) {
        // As above.
    }
}

impl Arrivals {
    /// Nothing arrives before [`Self::start`].
    pub(super) fn try_new(shared: Ref<Shared>, ndis: NdisHandle) -> Result<Ref<Self>, CmError> {
        Ok(Ref::try_new(Self {
            shared,
            backlog: SpinLock::new(try_with_capacity(BACKLOG)?),
            work: WorkItem::try_new(ndis, Self::answer_all)?,
            questions: Questions::try_new()?,
            askers: [
                WorkItem::try_new(ndis, Self::run_errands::<0>)?,
                WorkItem::try_new(ndis, Self::run_errands::<1>)?,
                WorkItem::try_new(ndis, Self::run_errands::<2>)?,
                WorkItem::try_new(ndis, Self::run_errands::<3>)?,
                WorkItem::try_new(ndis, Self::run_errands::<4>)?,
                WorkItem::try_new(ndis, Self::run_errands::<5>)?,
                WorkItem::try_new(ndis, Self::run_errands::<6>)?,
                WorkItem::try_new(ndis, Self::run_errands::<7>)?,
            ],
        })?)
    }

    /// Takes QP1 into use: peers that ask for a port where nobody listens are told so from now on. [`Self::stop`] follows, also after an error.
    pub(super) fn start(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), CmError> {
        let bell = Ref::try_new(Bell(this.clone()))?;
        let gsi = Gsi::start(&this.shared.device, passive)?;
        this.shared.gsi.set(gsi.clone());
        gsi.listen(dyn_ref!(bell => dyn CompletionTarget), passive)?;
        Ok(())
    }

    /// Gives QP1 back: nothing arrives, is sent or answered any more.
    pub(super) fn stop(&self, passive: Passive<'_>) {
        if let Some(gsi) = self.shared.gsi.take() {
            gsi.stop(passive);
        }
        self.work.drain(passive);
        self.questions.stop();
        // Bounded by the time that it takes to find out that a neighbour is not there.
        self.askers.iter().for_each(|asker| asker.drain(passive));
    }

    /// A datagram arrived.
    fn arrived(this: &Ref<Self>, datagram: &Datagram) {
        let now = now_ms();
        let registry = &this.shared.registry;
        if let Some(connection) = registry.connection_of(datagram) {
            connection.receive(&datagram.mad, now);
            if matches!(datagram.mad.message, Message::Rep(_)) {
                registry.learn(&connection);
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
    fn answer_all(this: &Ref<Self>, passive: Passive<'_>) {
        loop {
            let datagram = take_at(&mut this.backlog.lock(), 0);
            let Some(datagram) = datagram else { break };
            Self::answer(this, &datagram, passive);
        }
    }

    /// Answers a request for communication or for its release that no connection took. Does not wait: when the way back is not known, the
    /// answer is put off until it is.
    fn answer(this: &Ref<Self>, datagram: &Datagram, passive: Passive<'_>) {
        match this.shared.way_back(datagram, passive) {
            Ok(Way::Known(route)) => request::answer(&this.shared, datagram, &route, passive),
            Ok(Way::Ask(hop)) => {
                let neighbour = Neighbour {
                    local: address(datagram.destination),
                    hop,
                };
                Self::ask(this, neighbour, datagram);
            }
            // There is no way to say anything.
            Err(_) => {}
        }
    }

    /// Has a neighbour asked, and the datagram answered when it has said something.
    fn ask(this: &Ref<Self>, neighbour: Neighbour, datagram: &Datagram) {
        let wanted = request::is_wanted(&this.shared, datagram);
        let asker = this.questions.add(neighbour, datagram, wanted);
        if let Some(asker) = asker.and_then(|asker| this.askers.get(asker)) {
            asker.queue(this.clone());
        }
    }

    /// One of the askers: asks neighbours as long as there are questions.
    fn run_errands<const ASKER: usize>(this: &Ref<Self>, passive: Passive<'_>) {
        while let Some(errand) = this.questions.next(ASKER) {
            let Neighbour { local, hop } = errand.neighbour;
            let answer = resolve::ask(this.shared.local.interface(), local, hop, passive);
            while let Some(datagram) = this.questions.waited(&errand) {
                // Nobody there: nobody is told.
                if let Ok(mac) = answer {
                    let route = Route::new(local, address(datagram.source), mac);
                    request::answer(&this.shared, &datagram, &route, passive);
                }
            }
        }
    }
}
