//! The adapter's own addresses: which there are, their zone, and their entries in the port's table.
//!
//! An entry is there from the address's arrival until it has left and no connection uses it any more.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::{error::CmError, resolve::gid};
use crate::{
    hw::{Device, GidIndex, gids::GidKey},
    nt::{
        AddressWatch, NdisHandle, NoMemory, NonPaged, Passive, Ref, SpinLock, Vec, WorkItem,
        net::{self, Interface, LocalAddress},
        pool::{take_at, try_push},
        sync::{AtomicU32, Ordering},
    },
};

/// An address with an entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    ip: IpAddr,
    index: GidIndex,
    /// Connections that use it.
    users: u32,
    /// The address has left.
    gone: bool,
}

#[derive(Debug)]
struct Inner {
    entries: Vec<Entry>,
    stopped: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct LocalAddresses {
    device: Ref<Device>,
    luid: u64,
    zone: AtomicU32,
    inner: SpinLock<Inner>,
    watch: SpinLock<Option<AddressWatch<Self>>>,
    follower: WorkItem<Self>,
}

impl LocalAddresses {
    pub(super) fn try_new(device: Ref<Device>, ndis: NdisHandle, luid: u64) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            device,
            luid,
            zone: AtomicU32::new(0),
            inner: SpinLock::new(Inner {
                entries: Vec::new_in(NonPaged),
                stopped: false,
            }),
            watch: SpinLock::new(None),
            follower: WorkItem::try_new(ndis, |this: &Ref<Self>, passive| this.follow(passive))?,
        })
    }

    /// Follows the addresses as they come and go. [`Self::stop`] follows, also after an error.
    pub(super) fn watch(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), CmError> {
        let changed = |this: &Ref<Self>| {
            this.follower.queue(this.clone());
        };
        let watch = AddressWatch::start(this.clone(), changed, passive)?;
        *this.watch.lock() = Some(watch);
        Ok(())
    }

    /// The adapter, as the IP stack knows it.
    pub(super) fn interface(&self) -> Interface {
        Interface {
            luid: self.luid,
            zone: self.zone.load(Ordering::Relaxed),
        }
    }

    /// An address of this link with a port: link-local ones mean something in the adapter's zone only.
    pub(super) fn on_link(&self, ip: IpAddr, port: u16) -> SocketAddr {
        match ip {
            IpAddr::V6(v6) if net::is_link_local(ip) => {
                SocketAddrV6::new(v6, port, 0, self.interface().zone).into()
            }
            _ => SocketAddr::new(ip, port),
        }
    }

    /// What a consumer calls an address of this link, with the zone filled in; `None` when it names another zone.
    pub(super) fn named(&self, address: SocketAddr) -> Option<SocketAddr> {
        let ours = self.on_link(address.ip(), address.port());
        let zone = |address: SocketAddr| match address {
            SocketAddr::V6(v6) if net::is_link_local(address.ip()) => v6.scope_id(),
            _ => 0,
        };
        (zone(address) == 0 || zone(address) == zone(ours)).then_some(ours)
    }

    /// Whether the address is one of the adapter's (CONN-07).
    pub(super) fn has(&self, local: IpAddr, passive: Passive<'_>) -> bool {
        let mut found = false;
        // A table that cannot be read has no addresses.
        let _ = self.each(passive, |address| {
            found |= address.ip == local;
            !found
        });
        found
    }

    fn each(&self, passive: Passive<'_>, mut visit: impl FnMut(LocalAddress) -> bool) -> Result<(), CmError> {
        net::unicast_addresses(self.luid, passive, |address| {
            self.zone.store(address.zone, Ordering::Relaxed);
            visit(address)
        })?;
        Ok(())
    }

    /// Gives what has come an entry, and takes those of what has left and is not used. Without memory, or when the device refuses, the
    /// entry is missed until the next change or until somebody asks for it.
    fn follow(&self, passive: Passive<'_>) {
        let mut present = Vec::new_in(NonPaged);
        let mut complete = true;
        let read = self.each(passive, |address| {
            complete = try_push(&mut present, address.ip).is_ok();
            complete
        });
        if read.is_err() || !complete {
            return;
        }
        for entry in &mut self.inner.lock().entries {
            entry.gone = !present.contains(&entry.ip);
        }
        while let Some(entry) = self.take_unused() {
            self.device.release_gid(entry.index, passive);
        }
        for ip in present {
            let _ = self.index(ip, passive);
        }
    }

    fn take_unused(&self) -> Option<Entry> {
        let mut inner = self.inner.lock();
        let unused = |entry: &Entry| entry.gone && entry.users == 0;
        let at = inner.entries.iter().position(unused)?;
        take_at(&mut inner.entries, at)
    }

    /// The entry of an address, which gets one if it has none.
    pub(super) fn index(&self, ip: IpAddr, passive: Passive<'_>) -> Result<GidIndex, CmError> {
        if let Some(index) = self.find(ip) {
            return Ok(index);
        }
        let key = GidKey {
            gid: gid(ip),
            mac: self.device.mac(),
            vlan: None,
        };
        let index = self.device.acquire_gid(key, passive)?;
        let mut inner = self.inner.lock();
        let known = inner.entries.iter().any(|entry| entry.ip == ip);
        let fresh = Entry {
            ip,
            index,
            users: 0,
            gone: false,
        };
        // Somebody else may have been faster: the entry is the same, and counted twice.
        let kept = !known && !inner.stopped && try_push(&mut inner.entries, fresh).is_ok();
        drop(inner);
        if kept {
            return Ok(index);
        }
        self.device.release_gid(index, passive);
        self.find(ip).ok_or(CmError::NoMemory)
    }

    fn find(&self, ip: IpAddr) -> Option<GidIndex> {
        let inner = self.inner.lock();
        let entry = inner.entries.iter().find(|entry| entry.ip == ip);
        entry.map(|entry| entry.index)
    }

    /// Keeps the entry of a local address in the port's table until the result is dropped.
    pub(super) fn hold(this: &Ref<Self>, ip: IpAddr, passive: Passive<'_>) -> Result<AddressInUse, CmError> {
        this.index(ip, passive)?;
        let mut inner = this.inner.lock();
        let entry = inner.entries.iter_mut().find(|entry| entry.ip == ip);
        entry.ok_or(CmError::InvalidAddress)?.users += 1;
        drop(inner);
        Ok(AddressInUse {
            local: this.clone(),
            ip,
        })
    }

    /// Counts one user less; `last` is called, under a lock, if the entry can go now.
    fn let_go(&self, ip: IpAddr, last: impl FnOnce()) {
        let mut inner = self.inner.lock();
        let stopped = inner.stopped;
        if let Some(entry) = inner.entries.iter_mut().find(|entry| entry.ip == ip) {
            entry.users -= 1;
            if entry.gone && entry.users == 0 && !stopped {
                last();
            }
        }
    }

    /// From now on nobody is called, and no entry is made.
    pub(super) fn stop(&self, passive: Passive<'_>) {
        let watch = self.watch.lock().take();
        if let Some(watch) = watch {
            watch.cancel(passive);
        }
        self.inner.lock().stopped = true;
        self.follower.drain(passive);
    }

    /// Takes all entries, whoever uses them.
    pub(super) fn release(&self, passive: Passive<'_>) {
        let entries = core::mem::replace(&mut self.inner.lock().entries, Vec::new_in(NonPaged));
        for entry in &entries {
            self.device.release_gid(entry.index, passive);
        }
    }
}

/// A local address in use by a connection, whose entry in the port's table stays.
pub(super) struct AddressInUse {
    local: Ref<LocalAddresses>,
    ip: IpAddr,
}

impl Drop for AddressInUse {
    fn drop(&mut self) {
        // Queued under the lock under which the mark of the stop was not seen.
        self.local.let_go(self.ip, || {
            self.local.follower.queue(self.local.clone());
        });
    }
}
