//! What every command tells of its run: device, driver, link, traffic.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::report::{grouped, line};

use crate::world::{Host, World, WorldPlan};

/// What both devices and the link did. A part of every report.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Traffic {
    /// Work queue elements executed by both devices.
    pub wqes: u64,
    /// Doorbells of queue pairs rung on both devices.
    pub doorbells: u64,
    /// MSI-X messages of both devices.
    pub interrupts: u64,
    /// RoCE packets sent, first time and again.
    pub packets: u64,
    /// Of them sent again.
    pub retransmitted: u64,
    /// Frames that the link lost, duplicated, reordered, corrupted; only a person reads it.
    #[serde(skip)]
    pub faults: u64,
}

impl Traffic {
    /// Counted so far.
    pub(super) fn of(world: &World) -> Self {
        let mut all = Self::default();
        for (index, host) in world.hosts.iter().enumerate() {
            let transport = host.device.engine.borrow().counters();
            all.wqes += transport.send_wqes + transport.receive_wqes;
            all.doorbells += transport.doorbells;
            all.packets += transport.packets_sent;
            all.retransmitted += transport.retransmitted;
            all.interrupts += host.device.statistics().interrupts;
            let link = world.link.port(index).counters();
            all.faults += link.lost + link.duplicated + link.reordered + link.corrupted;
        }
        all
    }
}

impl Traffic {
    /// The part of a report that a person reads.
    pub(super) fn lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wqes, doorbells) = (grouped(self.wqes), grouped(self.doorbells));
        let interrupts = grouped(self.interrupts);
        let work = format!("{wqes} WQEs, {doorbells} doorbells, {interrupts} interrupts");
        line(f, "work", &work)?;
        let (packets, again) = (grouped(self.packets), grouped(self.retransmitted));
        let faults = grouped(self.faults);
        let packets = format!("{packets} sent, {again} of them again; the link damaged {faults}");
        line(f, "packets", &packets)
    }
}

/// The linked driver, or the image with where it lies on each host.
pub(super) fn describe_driver(hosts: &[Host]) -> String {
    let images: Vec<_> = hosts.iter().filter_map(|host| host.driver.image()).collect();
    let Some(image) = images.first() else {
        return format!("cxndk {} (linked), NDK 2.0", env!("CARGO_PKG_VERSION"));
    };
    let file = image.path().display();
    let version = image
        .version()
        .map_or_else(String::new, |version| format!(" {version}"));
    let bases: Vec<_> = images
        .iter()
        .map(|image| format!("{:#x}", image.base()))
        .collect();
    format!("{file}{version} at {}, NDK 2.0", bases.join(" and "))
}

/// What the driver too reads first: the firmware's version is in the initialization segment.
pub(super) fn describe_device(host: &Host) -> String {
    let registers = host.function.bar(0);
    let (first, second) = (registers.load_be32(0), registers.load_be32(4));
    let firmware = format!("{}.{}.{}", first & 0xffff, first >> 16, second & 0xffff);
    format!("ConnectX-5, {}, firmware {firmware}", crate::world::HARDWARE_ID)
}

pub(super) fn describe_link(config: &WorldPlan) -> String {
    let link = &config.link;
    let mut text = format!("{} Gbit/s, {} ns", link.gigabits, link.latency);
    if link.faults.loss > 0 {
        let _ = write!(
            text,
            ", {} % of the packets lost",
            f64::from(link.faults.loss) / 10_000.0
        );
    }
    text
}
