//! Flow tables: which frames go where (connectx-ethernet 4).

use std::collections::BTreeMap;

use cxndk::hw::layout::{FteMatchParam, FteMatchSetLyr24};

use super::frame::{Ip, Parsed, Transport};
use crate::command::Status;

/// Bytes of what is matched: the outer headers.
const OUTER: usize = FteMatchSetLyr24::SIZE;

/// Where a frame goes when an entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Another table, of a higher level.
    Table(u32),
    /// A TIR.
    Tir(u32),
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The group that it is in.
    pub group: u32,
    value: [u8; OUTER],
    /// Where to; nowhere if it drops.
    pub destinations: Vec<Destination>,
}

#[derive(Clone, Debug)]
struct Group {
    first: u32,
    last: u32,
    mask: [u8; OUTER],
}

/// One table.
#[derive(Clone, Debug)]
struct Table {
    level: u32,
    size: u64,
    /// Where frames go that no entry matches; dropped without.
    miss: Option<u32>,
    groups: BTreeMap<u32, Group>,
    entries: BTreeMap<u32, Entry>,
}

/// All tables of the receive side.
#[derive(Default)]
pub struct Steering {
    tables: BTreeMap<u32, Table>,
    root: Option<u32>,
    last_table: u32,
    last_group: u32,
}

/// Numbers of tables begin here, so that none looks like an index.
const FIRST_TABLE: u32 = 0x40;

impl Steering {
    /// Makes a table of `1 << log_size` entries.
    ///
    /// # Errors
    /// A miss table that is not there, or of no higher level.
    pub fn create_table(&mut self, level: u32, log_size: u32, miss: Option<u32>) -> Result<u32, Status> {
        self.check_target(level, miss)?;
        self.last_table = self.last_table.max(FIRST_TABLE) + 1;
        let table = Table {
            level,
            size: 1 << log_size,
            miss,
            groups: BTreeMap::new(),
            entries: BTreeMap::new(),
        };
        self.tables.insert(self.last_table, table);
        Ok(self.last_table)
    }

    fn check_target(&self, level: u32, target: Option<u32>) -> Result<(), Status> {
        let Some(target) = target else { return Ok(()) };
        let target = self.tables.get(&target).ok_or(Status::BadResource)?;
        if target.level > level {
            Ok(())
        } else {
            Err(Status::BadParameter)
        }
    }

    /// Changes where frames go that nothing matches.
    ///
    /// # Errors
    /// As [`Self::create_table`].
    pub fn set_miss(&mut self, number: u32, miss: Option<u32>) -> Result<(), Status> {
        let level = self.table(number)?.level;
        self.check_target(level, miss)?;
        self.table(number)?.miss = miss;
        Ok(())
    }

    fn table(&mut self, number: u32) -> Result<&mut Table, Status> {
        self.tables.get_mut(&number).ok_or(Status::BadResource)
    }

    /// Takes a table away that is empty and that nothing leads to.
    ///
    /// # Errors
    /// It is not there, or in use.
    pub fn destroy_table(&mut self, number: u32) -> Result<(), Status> {
        let busy = !self.table(number)?.groups.is_empty();
        let leads_here = self.tables.values().any(|table| {
            let destinations = table.entries.values().flat_map(|entry| &entry.destinations);
            table.miss == Some(number)
                || destinations
                    .into_iter()
                    .any(|to| *to == Destination::Table(number))
        });
        if busy || leads_here || self.root == Some(number) {
            return Err(Status::ResourceBusy);
        }
        self.tables.remove(&number);
        Ok(())
    }

    /// Makes the table the first one that frames meet; `None` takes all frames away.
    ///
    /// # Errors
    /// It is not there, or another one has a lower level.
    pub fn set_root(&mut self, number: Option<u32>) -> Result<(), Status> {
        if let Some(number) = number {
            let level = self.table(number)?.level;
            if self.tables.values().any(|table| table.level < level) {
                return Err(Status::BadParameter);
            }
        }
        self.root = number;
        Ok(())
    }

    /// Makes a group of entries with one mask.
    ///
    /// # Errors
    /// The range leaves the table or overlaps another group's.
    pub fn create_group(
        &mut self,
        table: u32,
        (first, last): (u32, u32),
        mask: &FteMatchParam,
    ) -> Result<u32, Status> {
        if !only_known(mask) {
            return Err(Status::BadParameter);
        }
        let number = self.last_group + 1;
        let table = self.table(table)?;
        let fits = first <= last && u64::from(last) < table.size;
        let overlaps = table
            .groups
            .values()
            .any(|group| first <= group.last && group.first <= last);
        if !fits || overlaps {
            return Err(Status::BadParameter);
        }
        let mask = outer(mask);
        table.groups.insert(number, Group { first, last, mask });
        self.last_group = number;
        Ok(number)
    }

    /// Takes a group away that has no entries.
    ///
    /// # Errors
    /// It is not there, or in use.
    pub fn destroy_group(&mut self, table: u32, group: u32) -> Result<(), Status> {
        let table = self.table(table)?;
        if table.entries.values().any(|entry| entry.group == group) {
            return Err(Status::ResourceBusy);
        }
        table.groups.remove(&group).ok_or(Status::BadResource)?;
        Ok(())
    }

    /// Puts an entry at `index`, in place of one that is there if `replace`.
    ///
    /// # Errors
    /// The index is not the group's or is taken, the value goes beyond the mask or is another entry's, or a destination is wrong.
    pub fn set_entry(
        &mut self,
        table: u32,
        index: u32,
        (group, value): (u32, &FteMatchParam),
        destinations: Vec<Destination>,
        replace: bool,
    ) -> Result<(), Status> {
        let level = self.table(table)?.level;
        for destination in &destinations {
            if let Destination::Table(target) = destination {
                self.check_target(level, Some(*target))?;
            }
        }
        let table = self.table(table)?;
        let within = table.groups.get(&group).ok_or(Status::BadResource)?;
        let value = outer(value);
        let beyond = value
            .iter()
            .zip(&within.mask)
            .any(|(value, mask)| value & !mask != 0);
        if beyond || !(within.first..=within.last).contains(&index) {
            return Err(Status::BadParameter);
        }
        let same = |(at, entry): (&u32, &Entry)| *at != index && entry.group == group && entry.value == value;
        if table.entries.iter().any(same) {
            return Err(Status::BadParameter);
        }
        if table.entries.contains_key(&index) != replace {
            return Err(if replace {
                Status::BadResource
            } else {
                Status::BadIndex
            });
        }
        let entry = Entry {
            group,
            value,
            destinations,
        };
        table.entries.insert(index, entry);
        Ok(())
    }

    /// Takes an entry away.
    ///
    /// # Errors
    /// It is not there.
    pub fn delete_entry(&mut self, table: u32, index: u32) -> Result<(), Status> {
        let found = self.table(table)?.entries.remove(&index);
        found.map(|_| ()).ok_or(Status::BadResource)
    }

    /// An entry leads to the TIR.
    pub fn leads_to(&self, tir: u32) -> bool {
        let entries = self.tables.values().flat_map(|table| table.entries.values());
        let mut destinations = entries.flat_map(|entry| &entry.destinations);
        destinations.any(|to| *to == Destination::Tir(tir))
    }

    /// What there is, a line each.
    pub fn living(&self) -> Vec<String> {
        let lines = self.tables.iter().map(|(number, table)| {
            let (groups, entries) = (table.groups.len(), table.entries.len());
            format!("flow table {number:#x} with {groups} groups and {entries} entries")
        });
        lines.collect()
    }

    /// The TIRs that a frame reaches; `None` if no table took it.
    pub fn lookup(&self, frame: &[u8], parsed: &Parsed) -> Option<Vec<u32>> {
        let headers = headers(frame, parsed);
        let mut found = Vec::new();
        let mut next = vec![self.root?];
        let mut matched = false;
        while let Some(number) = next.pop() {
            let Some(table) = self.tables.get(&number) else {
                continue;
            };
            match table.find(&headers) {
                Some(entry) => {
                    matched = true;
                    for destination in &entry.destinations {
                        match destination {
                            Destination::Table(table) => next.push(*table),
                            Destination::Tir(tir) => found.push(*tir),
                        }
                    }
                }
                None => next.extend(table.miss),
            }
        }
        matched.then_some(found)
    }
}

impl Table {
    /// The first entry that matches, by the groups' place in the table.
    fn find(&self, headers: &[u8; OUTER]) -> Option<&Entry> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, group)| group.first);
        groups.into_iter().find_map(|(number, group)| {
            let mut entries = self.entries.range(group.first..=group.last);
            let masked = |(at, header): (usize, &u8)| header & group.mask[at];
            let seen: Vec<u8> = headers.iter().enumerate().map(masked).collect();
            let same = |entry: &Entry| entry.group == *number && entry.value[..] == seen[..];
            entries.find(|(_, entry)| same(entry)).map(|(_, entry)| entry)
        })
    }
}

fn outer(param: &FteMatchParam) -> [u8; OUTER] {
    *param.outer_headers().as_bytes()
}

/// Nothing is matched but what the device says it can: addresses, EtherType, the first VLAN tag, IP version and protocol, UDP's
/// destination port.
fn only_known(mask: &FteMatchParam) -> bool {
    let mut known = FteMatchParam::new();
    let all = u32::MAX;
    let headers = known.outer_headers_mut();
    headers.set_smac_47_16(all).set_smac_15_0(all).set_ethertype(all);
    headers.set_dmac_47_16(all).set_dmac_15_0(all);
    headers.set_first_prio(all).set_first_vid(all);
    headers.set_cvlan_tag(all).set_svlan_tag(all);
    headers
        .set_ip_version(all)
        .set_ip_protocol(all)
        .set_udp_dport(all);
    let pairs = mask.as_bytes().iter().zip(known.as_bytes());
    pairs.into_iter().all(|(asked, known)| asked & !known == 0)
}

/// The headers of a frame in the places of the match parameters.
fn headers(frame: &[u8], parsed: &Parsed) -> [u8; OUTER] {
    let mut headers = FteMatchSetLyr24::new();
    let be = |range: std::ops::Range<usize>| {
        let bytes = frame.get(range).unwrap_or_default();
        bytes.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
    };
    headers.set_dmac_47_16(be(0..4)).set_dmac_15_0(be(4..6));
    headers.set_smac_47_16(be(6..10)).set_smac_15_0(be(10..12));
    headers.set_ethertype(u32::from(parsed.ethertype));
    if let Some(tag) = parsed.c_tag {
        headers.set_cvlan_tag(1);
        headers.set_first_vid(u32::from(tag & 0xfff));
        headers.set_first_prio(u32::from(tag >> 13));
    }
    headers.set_svlan_tag(u32::from(parsed.s_tag));
    headers.set_ip_version(match parsed.ip {
        Some(Ip::V4(_)) => 4,
        Some(Ip::V6(_)) => 6,
        None => 0,
    });
    headers.set_ip_protocol(u32::from(parsed.protocol.unwrap_or(0)));
    if let Some(Transport::Udp(at)) = parsed.transport {
        headers.set_udp_dport(be(at + 2..at + 4));
    }
    *headers.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::v4;
    use super::*;

    fn mac(last: u8) -> FteMatchParam {
        let mut param = FteMatchParam::new();
        param
            .outer_headers_mut()
            .set_dmac_47_16(0x0200_0000)
            .set_dmac_15_0(u32::from(last));
        param
    }

    fn mac_mask() -> FteMatchParam {
        let mut param = FteMatchParam::new();
        param
            .outer_headers_mut()
            .set_dmac_47_16(u32::MAX)
            .set_dmac_15_0(u32::MAX);
        param
    }

    fn look(steering: &Steering, frame: &[u8]) -> Option<Vec<u32>> {
        steering.lookup(frame, &Parsed::of(frame).expect("a frame"))
    }

    /// A table of addresses before one of protocols, as drivers build them: from the bottom up.
    fn chain() -> (Steering, u32, u32) {
        let mut steering = Steering::default();
        let kinds = steering.create_table(3, 4, None).expect("a table");
        let mut mask = FteMatchParam::new();
        mask.outer_headers_mut().set_ip_version(0xf).set_ip_protocol(0xff);
        let by_protocol = steering.create_group(kinds, (0, 7), &mask).expect("a group");
        let rest = steering.create_group(kinds, (8, 8), &FteMatchParam::new());
        let rest = rest.expect("a group");
        let mut tcp = FteMatchParam::new();
        tcp.outer_headers_mut().set_ip_version(4).set_ip_protocol(6);
        let to = |tir| vec![Destination::Tir(tir)];
        let none = FteMatchParam::new();
        steering
            .set_entry(kinds, 0, (by_protocol, &tcp), to(60), false)
            .expect("an entry");
        steering
            .set_entry(kinds, 8, (rest, &none), to(70), false)
            .expect("an entry");
        let addresses = steering.create_table(2, 4, None).expect("a table");
        let exact = steering
            .create_group(addresses, (0, 7), &mac_mask())
            .expect("a group");
        steering
            .set_entry(
                addresses,
                3,
                (exact, &mac(2)),
                vec![Destination::Table(kinds)],
                false,
            )
            .expect("an entry");
        steering.set_root(Some(addresses)).expect("a root");
        (steering, addresses, kinds)
    }

    #[test]
    fn a_frame_passes_tables_by_address_and_protocol() {
        let (mut steering, addresses, _) = chain();
        assert_eq!(look(&steering, &v4(6, b"x")), Some(vec![60]));
        assert_eq!(look(&steering, &v4(17, b"x")), Some(vec![70]));
        let mut other = v4(6, b"x");
        other[5] = 9;
        assert_eq!(look(&steering, &other), None);
        steering.delete_entry(addresses, 3).expect("it is there");
        assert_eq!(look(&steering, &v4(6, b"x")), None);
    }

    #[test]
    fn what_leads_nowhere_or_is_in_use_is_refused() {
        let (mut steering, addresses, kinds) = chain();
        assert_eq!(steering.destroy_table(kinds), Err(Status::ResourceBusy));
        assert_eq!(steering.set_root(Some(kinds)), Err(Status::BadParameter));
        assert_eq!(
            steering.create_table(3, 4, Some(kinds)),
            Err(Status::BadParameter)
        );
        assert_eq!(
            steering.create_group(addresses, (7, 9), &mac_mask()),
            Err(Status::BadParameter)
        );
        let group = steering
            .create_group(addresses, (8, 9), &mac_mask())
            .expect("a group");
        let entry = |steering: &mut Steering, index, replace| {
            steering.set_entry(addresses, index, (group, &mac(5)), Vec::new(), replace)
        };
        assert_eq!(entry(&mut steering, 3, false), Err(Status::BadParameter));
        assert_eq!(entry(&mut steering, 8, true), Err(Status::BadResource));
        assert_eq!(entry(&mut steering, 8, false), Ok(()));
        assert_eq!(entry(&mut steering, 8, false), Err(Status::BadIndex));
        assert_eq!(entry(&mut steering, 9, false), Err(Status::BadParameter));
        let mut ttl = FteMatchParam::new();
        ttl.outer_headers_mut().set_ttl_hoplimit(0xff);
        let unknown = steering.create_group(addresses, (12, 12), &ttl);
        assert_eq!(unknown, Err(Status::BadParameter));
    }
}
