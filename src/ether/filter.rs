//! Which frames the adapter takes: NDIS's packet filter and multicast list as entries of flow tables (rules OID-11 to OID-13, RECV-07).
//!
//! | table | group | entries |
//! |---|---|---|
//! | addresses, the root | exact destination | the station's address, broadcast, the multicast list |
//! | | any group address | all multicast |
//! | | anything | promiscuous |
//!
//! All of them lead to the table of kinds.
//!
//! Entries come before those that they replace go, so that no frame is lost that both lists take.

use crate::{
    hw::{
        Device, HwError, Mac,
        commands::vport::{SetPromiscuous, SetVportMulticast},
        ether::{Destination, FlowGroup, FlowTable},
        layout::FteMatchParam,
        types::FlowTableId,
    },
    nt::{
        Passive, Ref, SpinLock,
        pool::{self, Box},
    },
    sys::ndis::{
        NDIS_PACKET_TYPE_ALL_MULTICAST, NDIS_PACKET_TYPE_BROADCAST, NDIS_PACKET_TYPE_DIRECTED,
        NDIS_PACKET_TYPE_MULTICAST, NDIS_PACKET_TYPE_PROMISCUOUS,
    },
};

/// Addresses that the multicast list holds at most (rule ATTR-03 wants 32).
pub const MOST_MULTICAST: usize = 64;
/// Exact addresses at a time: own, broadcast and the list, before and after a change.
const PLACES: usize = 2 * (MOST_MULTICAST + 2);
/// log2 of the entries of the table of addresses.
const LOG_ADDRESSES: u32 = 8;
/// Where the groups of single entries lie in it.
const ANY_GROUP: u32 = 254;
const ANYTHING: u32 = 255;
/// Frames go upward from here.
const LEVEL: u8 = 0;
const BROADCAST: Mac = Mac([0xff; 6]);

/// The list of group addresses.
#[derive(Clone, Copy, Debug)]
pub struct Multicast {
    addresses: [Mac; MOST_MULTICAST],
    count: usize,
}

impl Multicast {
    /// No address.
    pub const NONE: Self = Self {
        addresses: [Mac([0; 6]); MOST_MULTICAST],
        count: 0,
    };

    /// Those of `addresses`, the first [`MOST_MULTICAST`].
    pub fn of(addresses: impl Iterator<Item = Mac>) -> Self {
        let mut this = Self::NONE;
        for (place, address) in this.addresses.iter_mut().zip(addresses) {
            *place = address;
            this.count += 1;
        }
        this
    }

    /// The addresses.
    pub fn as_slice(&self) -> &[Mac] {
        self.addresses.get(..self.count).unwrap_or_default()
    }
}

/// What NDIS wants to receive.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// `NDIS_PACKET_TYPE_*`.
    pub filter: u32,
    /// The multicast list.
    pub multicast: Multicast,
}

impl Wanted {
    /// Nothing.
    pub const NOTHING: Self = Self {
        filter: 0,
        multicast: Multicast::NONE,
    };

    const fn has(&self, kind: u32) -> bool {
        self.filter & kind != 0
    }

    /// The group addresses that are wanted one by one.
    fn groups(&self) -> &[Mac] {
        if self.has(NDIS_PACKET_TYPE_MULTICAST) {
            self.multicast.as_slice()
        } else {
            &[]
        }
    }

    /// The exact addresses that are wanted.
    fn addresses(&self, own: Mac) -> impl Iterator<Item = Mac> + '_ {
        let own = self.has(NDIS_PACKET_TYPE_DIRECTED).then_some(own);
        let all = self.has(NDIS_PACKET_TYPE_BROADCAST).then_some(BROADCAST);
        own.into_iter().chain(all).chain(self.groups().iter().copied())
    }
}

/// What is in the tables.
#[derive(Clone, Copy, Debug)]
struct Programmed {
    wanted: Wanted,
    exact: [Option<Mac>; PLACES],
    any_group: bool,
    anything: bool,
}

/// The flow tables of an adapter. Changes are serialised by the caller.
#[derive(Debug)]
pub struct Filter {
    device: Ref<Device>,
    own: Mac,
    /// Where frames go that pass.
    kinds: FlowTableId,
    addresses: FlowTable,
    exact: FlowGroup,
    group: FlowGroup,
    anything: FlowGroup,
    /// Whether the virtual port has to be told, too, and takes so many group addresses.
    most_multicast: u32,
    /// In memory of its own: it is as long as a good part of a kernel stack's page.
    state: SpinLock<Box<Programmed>>,
}

fn exact_mask() -> FteMatchParam {
    exact_value(BROADCAST)
}

fn exact_value(address: Mac) -> FteMatchParam {
    let mut param = FteMatchParam::new();
    let whole = u64::from(address.high()) << 32 | u64::from(address.low());
    param
        .outer_headers_mut()
        .set_dmac_47_16((whole >> 16) as u32)
        .set_dmac_15_0(whole as u32 & 0xffff);
    param
}

/// The bit that all group addresses have, as mask and value.
fn any_group() -> FteMatchParam {
    exact_value(Mac([1, 0, 0, 0, 0, 0]))
}

impl Filter {
    /// Makes the tables before the table `kinds`; nothing passes yet.
    ///
    /// # Errors
    /// Those of the commands; nothing stays.
    pub fn create(
        device: &Ref<Device>,
        kinds: FlowTableId,
        most_multicast: u32,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let state = pool::try_box(Programmed {
            wanted: Wanted::NOTHING,
            exact: [None; PLACES],
            any_group: false,
            anything: false,
        })?;
        let addresses = FlowTable::create(device, LEVEL, LOG_ADDRESSES, passive)?;
        let undo = |groups: &[&FlowGroup]| {
            groups.iter().for_each(|group| group.destroy(passive));
            addresses.destroy(passive);
        };
        let group = |range, mask| addresses.group(range, mask, passive);
        let exact = group((0, PLACES as u32), exact_mask()).inspect_err(|_| undo(&[]))?;
        let any = group((ANY_GROUP, 1), any_group()).inspect_err(|_| undo(&[&exact]))?;
        let anything = group((ANYTHING, 1), FteMatchParam::new()).inspect_err(|_| undo(&[&any, &exact]))?;
        addresses
            .make_root(passive)
            .inspect_err(|_| undo(&[&anything, &any, &exact]))?;
        Ok(Self {
            device: device.clone(),
            own: device.mac(),
            kinds,
            addresses,
            exact,
            group: any,
            anything,
            most_multicast,
            state: SpinLock::new(state),
        })
    }

    /// What NDIS wanted last.
    pub fn wanted(&self) -> Wanted {
        self.state.lock().wanted
    }

    /// Takes what NDIS wants from now on. When this returns, the device takes nothing else.
    ///
    /// # Errors
    /// Those of the commands. Frames may pass that were wanted before, or are wanted now.
    pub fn want(&self, wanted: &Wanted, passive: Passive<'_>) -> Result<(), HwError> {
        let mut programmed = **self.state.lock();
        let result = self.program(&mut programmed, wanted, passive);
        if result.is_ok() {
            programmed.wanted = *wanted;
        }
        **self.state.lock() = programmed;
        result?;
        self.tell_port(wanted, passive)
    }

    fn program(
        &self,
        programmed: &mut Programmed,
        wanted: &Wanted,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        let to = Destination::Table(self.kinds);
        for address in wanted.addresses(self.own) {
            if programmed.exact.contains(&Some(address)) {
                continue;
            }
            let free = programmed
                .exact
                .iter_mut()
                .zip(0..)
                .find(|(place, _)| place.is_none());
            let Some((place, index)) = free else {
                return Err(HwError::Limit("flow table entries"));
            };
            self.exact.set(index, exact_value(address), to, passive)?;
            *place = Some(address);
        }
        let group = wanted.has(NDIS_PACKET_TYPE_ALL_MULTICAST);
        switch(
            &self.group,
            &mut programmed.any_group,
            group,
            any_group(),
            to,
            passive,
        )?;
        let all = wanted.has(NDIS_PACKET_TYPE_PROMISCUOUS);
        let nothing = FteMatchParam::new();
        switch(
            &self.anything,
            &mut programmed.anything,
            all,
            nothing,
            to,
            passive,
        )?;
        for (place, index) in programmed.exact.iter_mut().zip(0..) {
            let unwanted = |address: &Mac| !wanted.addresses(self.own).any(|other| other == *address);
            if place.as_ref().is_some_and(unwanted) {
                if !self.exact.clear(index, passive) {
                    return Err(HwError::Dead);
                }
                *place = None;
            }
        }
        Ok(())
    }

    /// The virtual port decides too, where an embedded switch is between it and the wire.
    fn tell_port(&self, wanted: &Wanted, passive: Passive<'_>) -> Result<(), HwError> {
        let commander = self.device.commander();
        let list = wanted.groups();
        // With broadcast, which the switch knows by the same list.
        let few = (list.len() as u32) < self.most_multicast;
        let told = if few { list } else { &[] };
        let broadcast = wanted.has(NDIS_PACKET_TYPE_BROADCAST).then_some(BROADCAST);
        let multicast = SetVportMulticast {
            addresses: broadcast.iter().chain(told).copied(),
        };
        commander.execute(&multicast, passive)?;
        let promiscuous = SetPromiscuous {
            groups: wanted.has(NDIS_PACKET_TYPE_ALL_MULTICAST) || !few,
            all: wanted.has(NDIS_PACKET_TYPE_PROMISCUOUS),
        };
        Ok(commander.execute(&promiscuous, passive)?)
    }

    /// Destroys the tables: no frame passes any more.
    pub fn destroy(&self, passive: Passive<'_>) {
        // What cannot be taken back goes with the device.
        let _ = self.want(&Wanted::NOTHING, passive);
        self.addresses.unroot(passive);
        for group in [&self.anything, &self.group, &self.exact] {
            group.destroy(passive);
        }
        self.addresses.destroy(passive);
    }
}

/// Sets or clears the only entry of a group.
fn switch(
    group: &FlowGroup,
    is_set: &mut bool,
    wanted: bool,
    value: FteMatchParam,
    to: Destination,
    passive: Passive<'_>,
) -> Result<(), HwError> {
    if wanted == *is_set {
        return Ok(());
    }
    if wanted {
        group.set(0, value, to, passive)?;
    } else if !group.clear(0, passive) {
        return Err(HwError::Dead);
    }
    *is_set = wanted;
    Ok(())
}
