//! Commands of bring-up and teardown: function, interface revision, pages, capabilities (connectx.md sections 4 to 6).

use cxndk::hw::layout::{
    QueryAdapterOut, QueryIssiOut, QueryPagesOut, QuerySpecialContextsOut, TeardownHcaIn, TeardownHcaOut,
};

use super::status::{Outcome, Status};
use super::table::{Request, done, number, success};
use crate::capabilities::CapRefusal;
use crate::ids::Key;
use crate::pages::PageKind;
use crate::{Device, Phase};

/// Interface revisions: bit n is revision n.
const SUPPORTED_ISSI: u32 = 0b11;
const VENDOR_ID: u32 = 0x0000_02c9;
const PSID: &[u8; 16] = b"CXN0000000017\0\0\0";
/// The key that QPs with qpc.rlky use for all of host memory.
pub(crate) const RESERVED_LKEY: Key = Key(0x0000_1c00);
const DUMP_FILL_MKEY: u32 = 0x0000_1d00;
const NULL_MKEY: u32 = 0x0000_1e00;
const TERMINATE_MKEY: u32 = 0x0000_0100;

/// This device has one function: number 0, on no embedded processor.
fn own_function(request: &Request<'_>) -> Result<(), Status> {
    if request.dword(8) == 0 {
        Ok(())
    } else {
        Err(Status::BadParameter)
    }
}

pub(super) fn enable_hca(device: &Device, request: &Request<'_>) -> Outcome {
    own_function(request)?;
    device.phase.set(Phase::Enabled);
    done()
}

pub(super) fn disable_hca(device: &Device, request: &Request<'_>) -> Outcome {
    own_function(request)?;
    if device.owned_pages() != 0 {
        return Err(Status::BadSystemState.into());
    }
    device.caps.replace(device.config.capabilities.initial());
    device.issi.set(0);
    device.phase.set(Phase::Commands);
    done()
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all commands")]
pub(super) fn query_issi(device: &Device, _request: &Request<'_>) -> Outcome {
    let mut out = QueryIssiOut::new();
    out.set_current_issi(device.issi.get())
        .set_supported_issi_dw0(SUPPORTED_ISSI);
    Ok(out.as_bytes().to_vec())
}

pub(super) fn set_issi(device: &Device, request: &Request<'_>) -> Outcome {
    let wanted = request.dword(8);
    if wanted >= 32 || SUPPORTED_ISSI >> wanted & 1 == 0 {
        return Err(Status::BadParameter.into());
    }
    device.issi.set(wanted);
    done()
}

pub(super) fn query_pages(device: &Device, request: &Request<'_>) -> Outcome {
    own_function(request)?;
    let kind = match request.op_mod {
        1 => PageKind::Boot,
        2 => PageKind::Init,
        3 => PageKind::Regular,
        _ => return Err(Status::BadParameter.into()),
    };
    let mut out = QueryPagesOut::new();
    out.set_num_pages(device.missing_pages(kind) as u32);
    Ok(out.as_bytes().to_vec())
}

pub(super) fn manage_pages(device: &Device, request: &Request<'_>) -> Outcome {
    own_function(request)?;
    let count = request.dword(12) as usize;
    match request.op_mod {
        0 => {
            device.pages_denied();
            device.resume_waiting(true);
            done()
        }
        1 => {
            device.give_pages(&request.addresses(16, count)?)?;
            // The waiting commands are not answered before this one.
            device.in_this_life(1, |device| device.resume_waiting(false));
            done()
        }
        2 => take_pages(device, request, count),
        _ => Err(Status::BadParameter.into()),
    }
}

fn take_pages(device: &Device, request: &Request<'_>, count: usize) -> Outcome {
    if request.output < 16 + count * 8 {
        return Err(Status::BadOutputLength.into());
    }
    let pages = device.take_pages(count as u32)?;
    let mut out = number(pages.len() as u32)?;
    out.extend(pages.iter().flat_map(|page| page.to_be_bytes()));
    Ok(out)
}

pub(super) fn query_hca_cap(device: &Device, request: &Request<'_>) -> Outcome {
    let current = request.op_mod & 1 != 0;
    let caps = device.caps.borrow();
    let caps = if current {
        &*caps
    } else {
        &device.config.capabilities
    };
    let area = caps.area(request.op_mod >> 1).ok_or(Status::BadParameter)?;
    let mut out = success(0x1010);
    out[16..16 + area.len()].copy_from_slice(area);
    Ok(out)
}

pub(super) fn set_hca_cap(device: &Device, request: &Request<'_>) -> Outcome {
    if request.op_mod & 1 != 0 {
        return Err(Status::BadParameter.into());
    }
    let area = request.input.get(16..0x1010).ok_or(Status::BadInputLength)?;
    let set = device
        .caps
        .borrow_mut()
        .set_area(request.op_mod >> 1, area, &device.config.capabilities);
    match set {
        Ok(()) => done(),
        Err(CapRefusal::NoArea | CapRefusal::Field) => Err(Status::BadParameter.into()),
    }
}

pub(super) fn init_hca(device: &Device, _request: &Request<'_>) -> Outcome {
    if device.missing_pages(PageKind::Init) > 0 {
        return Err(Status::NoResources.into());
    }
    device.mkeys.set_reserved_lkey(Some(RESERVED_LKEY));
    device.phase.set(Phase::Initialized);
    done()
}

pub(super) fn teardown_hca(device: &Device, request: &Request<'_>) -> Outcome {
    let profile = TeardownHcaIn::from_bytes(request.input)
        .ok_or(Status::BadInputLength)?
        .profile();
    match profile {
        // Graceful: the function goes back to what it was before INIT_HCA, with all pages to be taken.
        0 => device.leave_initialized(),
        // Forced: all DMA has stopped when this is answered, and pages are forgotten.
        1 => {
            device.leave_initialized();
            device.pages.forget();
        }
        // Prepare: the driver switches the interface off next.
        2 => {}
        _ => return Err(Status::BadParameter.into()),
    }
    Ok(TeardownHcaOut::new().as_bytes().to_vec())
}

pub(super) fn set_driver_version(device: &Device, request: &Request<'_>) -> Outcome {
    let text = request.input.get(16..0x50).ok_or(Status::BadInputLength)?;
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(Status::BadParameter)?;
    let text = std::str::from_utf8(&text[..end]).map_err(|_| Status::BadParameter)?;
    device.driver_version.replace(text.to_owned());
    done()
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all commands")]
pub(super) fn query_adapter(_device: &Device, _request: &Request<'_>) -> Outcome {
    let mut out = QueryAdapterOut::new();
    let block = out.query_adapter_struct_mut();
    block
        .set_ieee_vendor_id(VENDOR_ID)
        .set_vsd_vendor_id(0x15b3)
        .set_vsd_contd_psid(PSID);
    Ok(out.as_bytes().to_vec())
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all commands")]
pub(super) fn query_special_contexts(_device: &Device, _request: &Request<'_>) -> Outcome {
    let mut out = QuerySpecialContextsOut::new();
    out.set_resd_lkey(RESERVED_LKEY.0)
        .set_dump_fill_mkey(DUMP_FILL_MKEY);
    out.set_null_mkey(NULL_MKEY)
        .set_terminate_scatter_list_mkey(TERMINATE_MKEY);
    Ok(out.as_bytes().to_vec())
}

impl Device {
    /// Pages that the device has of the host.
    pub fn owned_pages(&self) -> u32 {
        self.pages.owned()
    }

    /// The text of the driver's `SET_DRIVER_VERSION`.
    pub fn driver_version(&self) -> String {
        self.driver_version.borrow().clone()
    }

    /// Objects that the driver had not destroyed at its last `TEARDOWN_HCA`, one line each.
    pub fn leftovers(&self) -> Vec<String> {
        self.leftovers.borrow().clone()
    }

    fn leave_initialized(&self) {
        self.leftovers.replace(self.living_objects());
        crate::transport::reset(&self.me());
        self.forget_objects();
        self.port.reset();
        self.mkeys.set_reserved_lkey(None);
        self.pages.tear_down();
        self.phase.set(Phase::Enabled);
    }
}
