//! `CREATE_MKEY`, `DESTROY_MKEY`, `QUERY_MKEY` (connectx.md section 12).

use cxndk::hw::layout::{CreateMkeyIn, Mkc, QueryMkeyOut};

use super::reserved;
use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::ids::{MkeyIndex, Pdn, Qpn};
use crate::mkey::{ANY_QP, AccessMode, Mkey, Rights, Translation};
use crate::pages::Holder;

/// Longest translation list of one key, in 16-byte units: 1 GiB of 4 KiB pages and then some.
const MAX_OCTWORDS: u32 = 1 << 20;
/// Log2 of the largest page size of a translation: 2 GiB.
const MAX_LOG_PAGE: u32 = 31;

pub(super) fn create(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateMkeyIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    if input.mkey_umem_valid() != 0 || input.data_direct() != 0 {
        return Err(Status::BadParameter.into());
    }
    let context = input.memory_key_mkey_entry();
    let mode = access_mode(context)?;
    check(device, context, mode)?;
    let given = input.translations_octword_actual_size();
    check_list(context, mode, given)?;
    let bytes = request
        .input
        .get(0x110..0x110 + given as usize * 16)
        .ok_or(Status::BadInputLength)?;
    let index = device.fresh_key().ok_or(Status::LimitsExceeded)?;
    device.claim(
        Holder::Mkey(index.0),
        u64::from(context.translations_octword_size()) * 16,
    )?;
    device
        .mkeys
        .insert(index, mkey(context, mode, input.pg_access() != 0, bytes));
    device.note_key(index);
    number(index.0)
}

fn access_mode(context: &Mkc) -> Result<AccessMode, Status> {
    match context.access_mode_4_2() << 2 | context.access_mode_1_0() {
        0 => Ok(AccessMode::Physical),
        1 => Ok(AccessMode::Pages),
        2 => Ok(AccessMode::Indirect),
        _ => Err(Status::BadParameter),
    }
}

fn check(device: &Device, context: &Mkc, mode: AccessMode) -> Result<(), Status> {
    if !reserved::is_clear(context.as_bytes(), &reserved::MKC) || context.bsf_en() != 0 {
        return Err(Status::BadParameter);
    }
    if !device.numbers.pds.borrow().contains(&Pdn(context.pd())) {
        return Err(Status::BadResource);
    }
    if context.free() != 0 && context.umr_en() == 0 {
        return Err(Status::BadParameter);
    }
    if mode == AccessMode::Physical {
        // A physical key maps the bus as it is; only all of it makes sense.
        let plain = context.free() == 0 && context.umr_en() == 0;
        return if context.length64() != 0 && plain {
            Ok(())
        } else {
            Err(Status::BadParameter)
        };
    }
    let paged = mode == AccessMode::Pages && context.free() == 0;
    if paged && !(12..=MAX_LOG_PAGE).contains(&context.log_page_size()) {
        return Err(Status::BadParameter);
    }
    Ok(())
}

fn check_list(context: &Mkc, mode: AccessMode, given: u32) -> Result<(), Status> {
    let room = context.translations_octword_size();
    if room > MAX_OCTWORDS {
        return Err(Status::LimitsExceeded);
    }
    if mode == AccessMode::Physical {
        return if given == 0 && room == 0 {
            Ok(())
        } else {
            Err(Status::BadParameter)
        };
    }
    if given > room || (context.free() != 0 && room == 0) {
        return Err(Status::BadParameter);
    }
    if mode == AccessMode::Pages && context.free() == 0 {
        let page = 1_u64 << context.log_page_size();
        let covered = (context.start_addr() & (page - 1))
            .checked_add(context.len())
            .ok_or(Status::BadParameter)?;
        let entries = covered.div_ceil(page);
        // Two entries to the octword; a key whose list is filled later by UMR gives none now.
        if context.umr_en() == 0 && u64::from(given) * 2 < entries {
            return Err(Status::BadParameter);
        }
    }
    Ok(())
}

fn mkey(context: &Mkc, mode: AccessMode, check_pages: bool, list: &[u8]) -> Mkey {
    Mkey {
        variant: context.mkey_7_0() as u8,
        free: context.free() != 0,
        umr_enabled: context.umr_en() != 0,
        remote_invalidate: context.en_rinval() != 0,
        pd: Pdn(context.pd()),
        qpn: Qpn(context.qpn()),
        rights: Rights {
            local_read: context.lr() != 0,
            local_write: context.lw() != 0,
            remote_read: context.rr() != 0,
            remote_write: context.rw() != 0,
            atomic: context.a() != 0,
        },
        start: context.start_addr(),
        length: (context.length64() == 0).then(|| context.len()),
        log_page_size: context.log_page_size(),
        octwords: context.translations_octword_size(),
        check_pages,
        translation: Translation::parse(mode, list),
        context: *context,
    }
}

pub(super) fn destroy(device: &Device, request: &Request<'_>) -> Outcome {
    let index = MkeyIndex(request.dword(8));
    let key = device.mkeys.get(index).ok_or(Status::BadResource)?;
    // A window that is bound keeps the keys under it.
    if key.borrow().qpn == ANY_QP && device.mkeys.is_bound(index) {
        return Err(Status::ResourceBusy.into());
    }
    device.mkeys.remove(index);
    device.numbers.next_key.give_back(index.0);
    device.release(Holder::Mkey(index.0));
    done()
}

pub(super) fn query(device: &Device, request: &Request<'_>) -> Outcome {
    let mkey = device
        .mkeys
        .get(MkeyIndex(request.dword(8)))
        .ok_or(Status::BadResource)?;
    let mut out = QueryMkeyOut::new();
    *out.memory_key_mkey_entry_mut() = mkey.borrow().current_context();
    Ok(out.as_bytes()[..request.output.min(QueryMkeyOut::SIZE)].to_vec())
}
