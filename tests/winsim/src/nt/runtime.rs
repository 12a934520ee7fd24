//! Run-time library of the kernel: memory functions that compilers call, and addresses as text.

use super::context::{Level, enter};
use std::ffi::c_void;
use std::net::Ipv4Addr;

const SUCCESS: i32 = 0;
/// `STATUS_INVALID_PARAMETER`.
const INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;

/// `memcpy`, `memmove` as images call them; any IRQL.
///
/// # Safety
/// As for the C function.
pub unsafe extern "win64" fn copy_memory(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void {
    // SAFETY: the caller's memory, which may overlap.
    unsafe { std::ptr::copy(from.cast::<u8>(), to.cast::<u8>(), count) };
    to
}

/// `memset` as images call it; any IRQL.
///
/// # Safety
/// As for the C function.
pub unsafe extern "win64" fn fill_memory(to: *mut c_void, value: i32, count: usize) -> *mut c_void {
    // SAFETY: the caller's memory.
    unsafe { std::ptr::write_bytes(to.cast::<u8>(), value as u8, count) };
    to
}

/// `memcmp` as images call it; any IRQL.
///
/// # Safety
/// As for the C function.
pub unsafe extern "win64" fn compare_memory(a: *const c_void, b: *const c_void, count: usize) -> i32 {
    // SAFETY: the caller's memory.
    let a = unsafe { std::slice::from_raw_parts(a.cast::<u8>(), count) };
    // SAFETY: as above.
    let b = unsafe { std::slice::from_raw_parts(b.cast::<u8>(), count) };
    a.cmp(b) as i32
}

/// `RtlIpv4StringToAddressExW`: an address, and a port behind a colon. `PASSIVE_LEVEL`.
///
/// The port comes in network order, 0 without one. Strict text has four decimal parts; otherwise it is as `inet_aton` takes it.
///
/// # Safety
/// `text` ends with a zero; the places are good or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn RtlIpv4StringToAddressExW(
    text: *const u16,
    strict: u8,
    address: *mut u32,
    port: *mut u16,
) -> i32 {
    enter("RtlIpv4StringToAddressExW", Level::Passive);
    if text.is_null() || address.is_null() || port.is_null() {
        return INVALID_PARAMETER;
    }
    let unit = |index: usize| {
        // SAFETY: no unit behind the zero is read.
        unsafe { text.add(index).read_unaligned() }
    };
    let text = (0..).map(unit).take_while(|unit| *unit != 0);
    let text: Option<String> = text.map(|unit| u8::try_from(unit).ok().map(char::from)).collect();
    // SAFETY: as the caller says.
    unsafe { answer(text.as_deref(), strict != 0, address, port) }
}

/// `RtlIpv4StringToAddressExA`: the same of bytes.
///
/// # Safety
/// As [`RtlIpv4StringToAddressExW`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn RtlIpv4StringToAddressExA(
    text: *const i8,
    strict: u8,
    address: *mut u32,
    port: *mut u16,
) -> i32 {
    enter("RtlIpv4StringToAddressExA", Level::Passive);
    if text.is_null() || address.is_null() || port.is_null() {
        return INVALID_PARAMETER;
    }
    // SAFETY: the text ends with a zero.
    let text = unsafe { std::ffi::CStr::from_ptr(text) };
    // SAFETY: as the caller says.
    unsafe { answer(text.to_str().ok(), strict != 0, address, port) }
}

unsafe fn answer(text: Option<&str>, strict: bool, address: *mut u32, port: *mut u16) -> i32 {
    let Some((found, number)) = text.and_then(|text| parse(text, strict)) else {
        return INVALID_PARAMETER;
    };
    // SAFETY: the caller's place.
    unsafe { address.write_unaligned(u32::from_ne_bytes(found.octets())) };
    // SAFETY: as above.
    unsafe { port.write_unaligned(number.to_be()) };
    SUCCESS
}

fn parse(text: &str, strict: bool) -> Option<(Ipv4Addr, u16)> {
    let (address, port) = match text.split_once(':') {
        Some((address, port)) => (
            address,
            u16::try_from(number(port, false)?)
                .ok()
                .filter(|port| *port != 0)?,
        ),
        None => (text, 0),
    };
    let parts: Vec<u32> = address
        .split('.')
        .map(|part| number(part, strict))
        .collect::<Option<_>>()?;
    if parts.len() > 4 || strict && parts.len() != 4 {
        return None;
    }
    let (last, first) = parts.split_last()?;
    let room = 32 - 8 * first.len() as u32;
    if first.iter().any(|part| *part > 255) || u64::from(*last) >= 1 << room {
        return None;
    }
    let high = first.iter().fold(0_u64, |sum, part| sum << 8 | u64::from(*part));
    Some((Ipv4Addr::from((high << room) as u32 | last), port))
}

/// A part as C writes numbers; strict ones are decimal.
fn number(text: &str, decimal: bool) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (plain && (radix == 10 || !decimal)).then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn addresses_are_read_as_the_kernel_reads_them() {
        let found = |text, strict| parse(text, strict).map(|(address, port)| (address.to_string(), port));
        let is = |address: &str, port| Some((address.to_owned(), port));
        assert_eq!(found("10.0.0.1", true), is("10.0.0.1", 0));
        assert_eq!(found("10.0.0.1:445", true), is("10.0.0.1", 445));
        assert_eq!(found("10.1", false), is("10.0.0.1", 0));
        assert_eq!(found("0x0a.010.0.1:0x10", false), is("10.8.0.1", 16));
        assert_eq!(found("167772161", false), is("10.0.0.1", 0));
        for wrong in [
            "",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.1:",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "010.0.0.1",
            "a.b.c.d",
            "1.2.3.4.5",
        ] {
            assert_eq!(found(wrong, true), None, "{wrong}");
        }
        for wrong in [
            "",
            ".",
            "1.2.3.4.5",
            "256.1",
            "1.16777216",
            "+1.2.3.4",
            "1.2.3.4 ",
        ] {
            assert_eq!(found(wrong, false), None, "{wrong}");
        }
    }
}
