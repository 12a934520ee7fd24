//! Sets: checked before anything changes (rule OID-05).

use super::{
    Adapter, Job, Outcome, SUPPORTED,
    request::{Plain, Request},
    scale::scale,
    wanted::{change, number},
};
use crate::{
    adapter::{keywords::Keywords, link::SPEED_UNKNOWN},
    ether::{filter::Wanted, scale::Scale},
    hw::HwError,
    nt::{Passive, Ref, Status, sync::Ordering},
    sys::ndis::{
        self, NDIS_LINK_PARAMETERS, NDIS_LINK_PARAMETERS_REVISION_1, NDIS_OBJECT_HEADER,
        NDIS_OBJECT_TYPE_DEFAULT, NdisDeviceStateD0, NdisDeviceStateD3,
    },
};

impl Adapter {
    /// Does what a set wants, or says that it needs the device.
    pub(super) fn set(this: &Ref<Self>, request: &mut Request, passive: Passive<'_>) -> Outcome {
        let status = match request.oid() {
            ndis::OID_GEN_CURRENT_PACKET_FILTER | ndis::OID_802_3_MULTICAST_LIST => {
                // Only to see whether it can be wanted.
                let mut wanted = Wanted::NOTHING;
                match change(request, &mut wanted) {
                    Ok(()) => return Outcome::NeedsDevice(Job::Receive),
                    Err(status) => status,
                }
            }
            // Without the keyword there is no such thing (rule RSS-13).
            ndis::OID_GEN_RECEIVE_SCALE_PARAMETERS if !this.keywords().rss => Status::NOT_SUPPORTED,
            ndis::OID_GEN_RECEIVE_SCALE_PARAMETERS => match scale(request, &Scale::OFF) {
                Ok(_) => return Outcome::NeedsDevice(Job::Spread),
                Err(status) => status,
            },
            ndis::OID_TCP_OFFLOAD_PARAMETERS => this.set_offload_parameters(request),
            ndis::OID_OFFLOAD_ENCAPSULATION => this.set_encapsulation(request),
            ndis::OID_GEN_CURRENT_LOOKAHEAD => this.set_lookahead(request),
            ndis::OID_GEN_LINK_PARAMETERS => Self::set_link_parameters(this, request),
            // Rule of the table of mandatory OIDs: what does not exist cannot be set.
            ndis::OID_GEN_INTERRUPT_MODERATION => Status::NDIS_INVALID_DATA,
            ndis::OID_PNP_SET_POWER => set_power(request),
            ndis::OID_NDK_SET_STATE => Self::set_network_direct_state(this, request, passive),
            oid if SUPPORTED.contains(&oid) => Status::NDIS_INVALID_OID,
            _ => Status::NOT_SUPPORTED,
        };
        Outcome::Done(status)
    }

    /// Changes what NDIS wants to receive: the device takes that and nothing else when this returns (rule OID-11).
    pub(super) fn want(&self, serial: u32, passive: Passive<'_>) -> Result<(), Status> {
        let Some(ether) = self.ether.get().filter(|_| !self.is_removed()) else {
            return Err(Status::NDIS_NOT_ACCEPTED);
        };
        let mut wanted = ether.wanted();
        self.requests
            .read(serial, |request| change(request, &mut wanted))?;
        ether.want(&wanted, passive).map_err(|error| match error {
            // Rule VRF-05: to ask for less is not a mistake of who asks.
            _ if wanted.filter == 0 || wanted.multicast.as_slice().is_empty() => Status::NDIS_NOT_ACCEPTED,
            HwError::NoMemory => Status::INSUFFICIENT_RESOURCES,
            _ => Status::UNSUCCESSFUL,
        })
    }

    /// Spreads frames over processors as NDIS wants (rule RSS-07).
    pub(super) fn spread(&self, serial: u32, passive: Passive<'_>) -> Result<(), Status> {
        let Some(ether) = self.ether.get().filter(|_| !self.is_removed()) else {
            return Err(Status::NDIS_NOT_ACCEPTED);
        };
        let before = ether.scale();
        let wanted = self.requests.read(serial, |request| scale(request, &before))?;
        ether.spread(&wanted, passive).map_err(|error| match error {
            HwError::NoMemory => Status::INSUFFICIENT_RESOURCES,
            _ if wanted.types == 0 => Status::NDIS_NOT_ACCEPTED,
            _ => Status::UNSUCCESSFUL,
        })
    }

    fn set_lookahead(&self, request: &mut Request) -> Status {
        match number(request) {
            Ok(bytes) if bytes <= self.keywords().mtu => {
                self.lookahead.store(bytes, Ordering::Relaxed);
                request.took(4)
            }
            Ok(_) => Status::NDIS_INVALID_DATA,
            Err(status) => status,
        }
    }

    /// The port negotiates its speed; it can be told to do so, but not to do otherwise (rule LINK-04).
    fn set_link_parameters(this: &Ref<Self>, request: &mut Request) -> Status {
        let wanted = match request
            .read_object::<NDIS_LINK_PARAMETERS>(NDIS_OBJECT_TYPE_DEFAULT, NDIS_LINK_PARAMETERS_REVISION_1)
        {
            Ok(wanted) => wanted,
            Err(status) => return status,
        };
        let speed = this.port_link().speed;
        let possible = |wanted: u64| wanted == SPEED_UNKNOWN || wanted == 0 || wanted == speed;
        if !possible(wanted.XmitLinkSpeed) || !possible(wanted.RcvLinkSpeed) {
            return Status::NDIS_INVALID_DATA;
        }
        // Said again, so that who asked hears an answer.
        *this.link.lock() = None;
        if let Some(work) = this.work.get() {
            work.link.queue(this.clone());
        }
        request.set_supported_revision(NDIS_LINK_PARAMETERS_REVISION_1 as u8);
        request.took(size_of::<NDIS_LINK_PARAMETERS>())
    }

    /// Rules ADAPTER-20 to ADAPTER-23.
    fn set_network_direct_state(this: &Ref<Self>, request: &mut Request, passive: Passive<'_>) -> Status {
        let Some(&wanted) = request.input().first() else {
            return request.needs(1, Status::NDIS_INVALID_LENGTH);
        };
        if wanted == 0 {
            Self::switch_network_direct(this, false);
        } else {
            match Keywords::read_network_direct(this.ndis, passive) {
                Ok(true) => Self::switch_network_direct(this, true),
                // Switched off in the registry: stays off (rule ADAPTER-22).
                Ok(false) => {}
                Err(status) => return status,
            }
        }
        request.took(1)
    }
}

/// Rule PWR-01. The adapter asks for no power management, so that NDIS halts it before the device sleeps.
fn set_power(request: &mut Request) -> Status {
    match number(request) {
        Ok(state) if (NdisDeviceStateD0 as u32..=NdisDeviceStateD3 as u32).contains(&state) => {
            request.took(4)
        }
        Ok(_) | Err(_) => Status::NDIS_NOT_ACCEPTED,
    }
}

// SAFETY: numbers only.
unsafe impl Plain for NDIS_LINK_PARAMETERS {
    fn header(&self) -> NDIS_OBJECT_HEADER {
        self.Header
    }
}
