//! Listeners.
//!
//! | state | entered by | Listen |
//! |---|---|---|
//! | idle | creation, a Listen that failed | starting |
//! | starting | Listen | `INVALID_DEVICE_REQUEST` |
//! | listening | Listen completed SUCCESS | `INVALID_DEVICE_REQUEST` |
//! | closed | close | - |

use core::{ffi::c_void, net::SocketAddr, ptr};

use super::{
    adapter::Adapter,
    callback::{ConnectEvent, RequestCompletion},
    object::{Hold, Kind, Object, Pending, Tables},
    services::{Bound, Services},
    task,
};
use crate::{
    cm::{self, ListenerEvents},
    dyn_ref,
    nt::{Passive, Ref, SpinLock, Status},
    sys::ndkpi::{NDK_LISTENER, NDK_OBJECT_TYPE, NdkObjectTypeListener},
};

/// A listener.
pub struct Listener {
    services: Ref<Services>,
    pub(super) adapter: Ref<Object<Adapter>>,
    pub(super) event: ConnectEvent,
    inner: SpinLock<Inner>,
}

struct Inner {
    state: State,
    paused: bool,
    listener: Option<Ref<cm::Listener>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Starting,
    Listening,
    Closed,
}

impl Kind for Listener {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeListener;
    type Raw = NDK_LISTENER;
    type Antecedents = Hold<Adapter>;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.listener).cast()
    }

    /// New connections stop at once, also while the close pends on accepted connectors (CONN-44).
    fn closing(this: &Ref<Object<Self>>) {
        let listener = {
            let mut inner = this.kind().inner.lock();
            inner.state = State::Closed;
            inner.listener.clone()
        };
        if let Some(listener) = listener {
            listener.close();
        }
    }

    fn needs_teardown(&self) -> bool {
        false
    }

    fn teardown(&self, _: Passive<'_>) {}

    fn ended(this: &Object<Self>) {
        this.kind().services.listeners.remove(this);
        let listener = this.kind().inner.lock().listener.take();
        drop(listener);
    }
}

impl Listener {
    /// Makes a listener that does not listen yet (CREATE-23).
    ///
    /// # Errors
    /// No memory.
    pub fn create(adapter: Hold<Adapter>, event: ConnectEvent) -> Result<Ref<Object<Self>>, Status> {
        let identity = adapter.object().identity();
        let kind = Self {
            services: adapter.services().clone(),
            adapter: adapter.object().clone(),
            event,
            inner: SpinLock::new(Inner {
                state: State::Idle,
                paused: false,
                listener: None,
            }),
        };
        let listener = Object::try_new(identity, adapter, kind)?;
        let listed = dyn_ref!(listener.clone() => dyn Bound);
        listener.kind().services.listeners.add(listed)?;
        Ok(listener)
    }

    /// Address and port while it listens.
    pub fn local(&self) -> Option<SocketAddr> {
        let inner = self.inner.lock();
        inner
            .listener
            .as_ref()
            .filter(|_| inner.state == State::Listening)
            .map(|listener| listener.local())
    }

    /// `NdkControlConnectEvents` (CONN-25).
    pub fn pause(&self, paused: bool) {
        let listener = {
            let mut inner = self.inner.lock();
            inner.paused = paused;
            inner.listener.clone()
        };
        if let Some(listener) = listener {
            listener.pause(paused);
        }
    }
}

impl Bound for Object<Listener> {
    fn local(&self) -> Option<SocketAddr> {
        self.kind().local()
    }
}

impl Object<Listener> {
    /// `NdkListen`. `<= DISPATCH_LEVEL`.
    pub fn listen(this: &Ref<Self>, local: SocketAddr, completion: RequestCompletion) -> Status {
        {
            let mut inner = this.kind().inner.lock();
            if inner.state != State::Idle {
                return Status::INVALID_DEVICE_REQUEST;
            }
            inner.state = State::Starting;
        }
        let pending = Pending::new(this, completion);
        let spawned = task::spawn(this.identity().ndis, move |passive| {
            let started = Self::start(pending.object(), local, passive);
            pending.complete(Status::from(started));
        });
        if spawned.is_err() {
            this.kind().inner.lock().state = State::Idle;
        }
        spawned.map_or_else(Status::from, |()| Status::PENDING)
    }

    fn start(this: &Ref<Self>, local: SocketAddr, passive: Passive<'_>) -> Result<(), Status> {
        let agent = this.kind().services.agent();
        let started = agent.endpoint(local, passive).and_then(|endpoint| {
            agent.listen(endpoint, dyn_ref!(this.clone() => dyn ListenerEvents), passive)
        });
        let mut inner = this.kind().inner.lock();
        match started {
            Ok(listener) if inner.state == State::Starting => {
                inner.state = State::Listening;
                inner.listener = Some(listener.clone());
                let paused = inner.paused;
                drop(inner);
                listener.pause(paused);
                Ok(())
            }
            Ok(listener) => {
                // Closed meanwhile (LIFE-39).
                drop(inner);
                listener.close();
                Err(Status::CANCELLED)
            }
            Err(error) => {
                if inner.state == State::Starting {
                    inner.state = State::Idle;
                }
                Err(error.into())
            }
        }
    }
}
