//! The cables of a world: a link between two adapters, or one from each adapter to a switch.

use std::rc::Rc;

use roce_wire::{Capture, Link, Switch};
use winsim::sim::Stream;

use super::WorldPlan;
use crate::connectx::Device;
use crate::environment::simulated;

/// What joins the adapters.
pub(super) struct Network {
    pub(super) links: Vec<Link>,
    pub(super) switch: Option<Rc<Switch>>,
}

impl Network {
    /// The cables of `plan`; nothing is plugged in yet.
    pub(super) fn new(plan: &WorldPlan, capture: Option<&Rc<Capture>>) -> Self {
        let adapters: usize = plan.hosts.iter().map(|host| host.adapters.len()).sum();
        let around = simulated(Stream::Wire);
        let switch = plan.switch.map(|config| Switch::new(Rc::clone(&around), config));
        let count = if switch.is_some() { adapters } else { adapters / 2 };
        let link = |_| {
            let link = Link::new(Rc::clone(&around), plan.link);
            link.set_capture(capture.cloned());
            if let Some(switch) = &switch {
                switch.attach(link.port(1));
            }
            link
        };
        Self {
            links: (0..count).map(link).collect(),
            switch,
        }
    }

    /// Plugs the adapter in that is number `index` of host `host`, and `number` of all.
    pub(super) fn plug(&self, (host, index): (usize, usize), number: usize, device: &Rc<Device>) {
        let port = if self.switch.is_some() {
            self.links[number].port(0)
        } else {
            self.links[index].port(host)
        };
        let receiver = Rc::clone(device);
        port.on_receive(move |frame| receiver.deliver_frame(&frame));
        let carrier = Rc::clone(device);
        port.on_change(move |up| carrier.set_carrier(up));
        device.set_carrier(true);
        device.plug(move |frame| {
            port.transmit(frame);
        });
    }

    /// Pulls all cables: devices and links refer to each other, and none would ever be freed.
    pub(super) fn unplug(&self) {
        for link in &self.links {
            link.port(0).disconnect();
            link.port(1).disconnect();
        }
    }
}
