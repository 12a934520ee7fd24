//! Which queue a frame goes to that the filter lets through: by what it is, over a table of queues by its hash, or to the first queue.
//!
//! | group | entries | to |
//! |---|---|---|
//! | IP version and protocol | TCP and UDP over both | hashed with ports |
//! | IP version | both | hashed with addresses |
//! | anything | one | the first queue |

use crate::{
    hw::{
        Device, HwError,
        ether::{
            Destination, Domain, FlowGroup, FlowTable, HASH_KEY, HashFields, ReceiveTable, ReceiveTarget,
            Spread,
        },
        layout::FteMatchParam,
        types::FlowTableId,
    },
    nt::{
        Once, Passive, Ref,
        sync::{AtomicU32, Ordering::Relaxed},
    },
};

/// Above the table of addresses.
const LEVEL: u8 = 1;
/// log2 of the table's entries.
const LOG_ENTRIES: u32 = 4;
/// Where the groups lie in it.
const BY_PROTOCOL: (u32, u32) = (0, 4);
const BY_VERSION: (u32, u32) = (4, 2);
const ANYTHING: (u32, u32) = (15, 1);
const TCP: u32 = 6;
const UDP: u32 = 17;

/// A kind of frames that is spread: `NDIS_HASH_*`, IP version 6, protocol, place in its group.
#[derive(Clone, Copy, Debug)]
struct Kind {
    hash: u32,
    ipv6: bool,
    protocol: Option<u32>,
    place: u32,
}

/// All of them.
const KINDS: [Kind; 6] = [
    kind(0x200, false, Some(TCP), 0),
    kind(0x1000, true, Some(TCP), 1),
    kind(0x4000, false, Some(UDP), 2),
    kind(0x8000, true, Some(UDP), 3),
    kind(0x100, false, None, 0),
    kind(0x400, true, None, 1),
];

/// The types of hashes that frames can be spread by (`NDIS_HASH_*`).
pub const HASH_TYPES: u32 = 0xd700;

const fn kind(hash: u32, ipv6: bool, protocol: Option<u32>, place: u32) -> Kind {
    Kind {
        hash,
        ipv6,
        protocol,
        place,
    }
}

impl Kind {
    const fn fields(self) -> HashFields {
        HashFields {
            ipv6: self.ipv6,
            udp: matches!(self.protocol, Some(UDP)),
            ports: self.protocol.is_some(),
        }
    }

    fn value(self, by_version: bool) -> FteMatchParam {
        let mut param = FteMatchParam::new();
        let headers = param.outer_headers_mut();
        match (by_version, self.ipv6) {
            (true, ipv6) => headers.set_ip_version(if ipv6 { 6 } else { 4 }),
            (false, ipv6) => headers.set_ethertype(if ipv6 { 0x86dd } else { 0x0800 }),
        };
        headers.set_ip_protocol(self.protocol.unwrap_or(0));
        param
    }
}

fn mask(by_version: bool, protocol: bool) -> FteMatchParam {
    let mut param = FteMatchParam::new();
    let headers = param.outer_headers_mut();
    if by_version {
        headers.set_ip_version(u32::MAX);
    } else {
        headers.set_ethertype(u32::MAX);
    }
    headers.set_ip_protocol(if protocol { u32::MAX } else { 0 });
    param
}

/// The table of kinds. Changes are serialised by the caller.
#[derive(Debug)]
pub struct Kinds {
    table: FlowTable,
    by_protocol: FlowGroup,
    by_version: FlowGroup,
    anything: FlowGroup,
    /// Frames are told apart by their IP version; else by their `EtherType`.
    version: bool,
    targets: [Once<ReceiveTarget>; KINDS.len()],
    /// Types that have entries.
    spread: AtomicU32,
}

impl Kinds {
    /// Makes the table; all frames go to `first`.
    ///
    /// # Errors
    /// Those of the commands; nothing stays.
    pub fn create(
        device: &Ref<Device>,
        first: &ReceiveTarget,
        version: bool,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let table = FlowTable::create(device, LEVEL, LOG_ENTRIES, passive)?;
        let group = |range, mask| table.group(range, mask, passive);
        let undo = |groups: &[&FlowGroup]| {
            groups.iter().for_each(|group| group.destroy(passive));
            table.destroy(passive);
        };
        let by_protocol = group(BY_PROTOCOL, mask(version, true)).inspect_err(|_| undo(&[]))?;
        let by_version = group(BY_VERSION, mask(version, false)).inspect_err(|_| undo(&[&by_protocol]))?;
        let nothing = FteMatchParam::new();
        let anything = group(ANYTHING, nothing).inspect_err(|_| undo(&[&by_version, &by_protocol]))?;
        anything
            .set(0, nothing, Destination::Tir(first.number()), passive)
            .inspect_err(|_| undo(&[&anything, &by_version, &by_protocol]))?;
        Ok(Self {
            table,
            by_protocol,
            by_version,
            anything,
            version,
            targets: [const { Once::new() }; KINDS.len()],
            spread: AtomicU32::new(0),
        })
    }

    /// Its number.
    pub const fn number(&self) -> FlowTableId {
        self.table.number()
    }

    const fn group_of(&self, kind: Kind) -> &FlowGroup {
        if kind.protocol.is_some() {
            &self.by_protocol
        } else {
            &self.by_version
        }
    }

    /// Spreads frames of `types` (`NDIS_HASH_*`, 0 for none) over `table` by their hash with `key`; all others go to the first queue.
    ///
    /// # Errors
    /// Those of the commands: frames are spread in part as before.
    pub fn spread(
        &self,
        domain: &Domain,
        table: &ReceiveTable,
        (types, key): (u32, &[u8; HASH_KEY]),
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        for (kind, target) in KINDS.iter().zip(&self.targets) {
            let (wanted, is_there) = (types & kind.hash != 0, self.spread.load(Relaxed) & kind.hash != 0);
            if wanted {
                let spread = Spread::Hashed(table.number(), kind.fields(), *key);
                let target = Self::target(domain, target, spread, passive)?;
                if !is_there {
                    let to = Destination::Tir(target.number());
                    let value = kind.value(self.version);
                    self.group_of(*kind).set(kind.place, value, to, passive)?;
                    self.spread.fetch_or(kind.hash, Relaxed);
                }
            } else if is_there {
                if !self.group_of(*kind).clear(kind.place, passive) {
                    return Err(HwError::Dead);
                }
                self.spread.fetch_and(!kind.hash, Relaxed);
            }
        }
        Ok(())
    }

    /// A kind's target, which is made when it is first needed, with this hash.
    fn target<'a>(
        domain: &Domain,
        place: &'a Once<ReceiveTarget>,
        spread: Spread,
        passive: Passive<'_>,
    ) -> Result<&'a ReceiveTarget, HwError> {
        if let Some(target) = place.get() {
            target.hash(spread, passive)?;
            return Ok(target);
        }
        let fresh = ReceiveTarget::create(domain, spread, passive)?;
        // Nobody else makes one.
        let _ = place.set(fresh);
        place.get().ok_or(HwError::NoMemory)
    }

    /// Destroys the table, to which nothing leads, and the targets of kinds.
    pub fn destroy(&self, passive: Passive<'_>) {
        let spread = self.spread.swap(0, Relaxed);
        for kind in KINDS.iter().filter(|kind| spread & kind.hash != 0) {
            self.group_of(*kind).clear(kind.place, passive);
        }
        self.anything.clear(0, passive);
        for group in [&self.anything, &self.by_version, &self.by_protocol] {
            group.destroy(passive);
        }
        self.table.destroy(passive);
        self.targets
            .iter()
            .filter_map(Once::get)
            .for_each(|target| target.destroy(passive));
    }
}
