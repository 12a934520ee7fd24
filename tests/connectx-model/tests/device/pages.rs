//! Page supply (connectx.md section 6).

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, dword, header};
use super::{cold, ready};
use connectx_model::Config;
use cxndk_testbed::pci::Function;
use cxndk_testbed::sim;

/// A key with room for `octwords` of translation: it needs pages.
fn big_key(driver: &Driver, octwords: u32) -> Vec<u8> {
    let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
    let mut input = hw::CreateMkeyIn::new();
    input.set_opcode(u32::from(op::CREATE_MKEY));
    let context = input.memory_key_mkey_entry_mut();
    context
        .set_free(1)
        .set_umr_en(1)
        .set_access_mode_1_0(1)
        .set_pd(pd)
        .set_qpn(0x00ff_ffff);
    context.set_translations_octword_size(octwords);
    input.as_bytes().to_vec()
}

#[test]
fn boot_and_init_pages_are_asked_for() {
    cold(1, |driver| {
        driver.hand_over();
        driver.short(op::ENABLE_HCA, 0, [0, 0]).expect("ENABLE_HCA");
        assert_eq!(driver.missing_pages(1), 16);
        driver.give(10);
        assert_eq!(driver.missing_pages(1), 6, "a give may be split");
        driver.give(6);
        assert_eq!((driver.missing_pages(1), driver.missing_pages(2)), (0, 300));
        assert_eq!(
            driver.short(op::QUERY_PAGES, 4, [0, 0]),
            Err(Failed::Status(0x03))
        );
    });
}

#[test]
fn bad_pages_are_refused() {
    cold(2, |driver| {
        driver.hand_over();
        driver.short(op::ENABLE_HCA, 0, [0, 0]).expect("ENABLE_HCA");
        let give = |page: u64| {
            let input = [header(op::MANAGE_PAGES, 1, [0, 1]), page.to_be_bytes().to_vec()].concat();
            driver.command(&input, 16)
        };
        let page = driver.memory(4096);
        assert_eq!(give(0), Err(Failed::Status(0x03)));
        assert_eq!(give(page.bus + 512), Err(Failed::Status(0x03)));
        give(page.bus).expect("a good page");
        assert_eq!(give(page.bus), Err(Failed::Status(0x03)), "given already");
        let no_list = header(op::MANAGE_PAGES, 1, [0, 9]);
        assert_eq!(driver.command(&no_list, 16), Err(Failed::Status(0x50)));
        let other_function = header(op::MANAGE_PAGES, 0, [3, 0]);
        assert_eq!(driver.command(&other_function, 16), Err(Failed::Status(0x03)));
    });
}

/// The device asks by an event, holds the command, and goes on when the pages are there.
#[test]
fn a_command_waits_for_pages() {
    ready(3, |driver| {
        let input = big_key(driver, 1 << 16);
        driver.drain_events(true);
        let command = driver.prepare(&input, 16);
        driver.submit(0, &command);
        sim::sleep(sim::MILLISECOND);
        assert!(!driver.is_answered(0));
        let eqe = driver.next_event_of(0x0b).expect("a page request");
        let wanted = dword(eqe.event_data(), 4);
        // 1 MiB of translation, less what INIT_HCA's pages still hold.
        assert!((64..=256).contains(&wanted), "{wanted}");
        let memory = driver.memory(wanted as usize * 4096);
        let mut give = header(op::MANAGE_PAGES, 1, [0, wanted]);
        give.extend(memory.pages().iter().flat_map(|page| page.to_be_bytes()));
        let give = driver.prepare(&give, 16);
        driver.submit(31, &give);
        driver.collect(31, give).expect("MANAGE_PAGES");
        let index = dword(&driver.collect(0, command).expect("CREATE_MKEY"), 8);
        assert!(driver.missing_pages(3) <= 0);
        driver
            .short(op::DESTROY_MKEY, 0, [index, 0])
            .expect("DESTROY_MKEY");
        assert!(driver.missing_pages(3) < -200, "they may be taken back");
        std::mem::forget(memory);
    });
}

#[test]
fn a_host_without_pages_fails_the_waiting_command() {
    ready(4, |driver| {
        let command = driver.prepare(&big_key(driver, 1 << 16), 16);
        driver.submit(0, &command);
        sim::sleep(sim::MILLISECOND);
        let deny = driver.prepare(&header(op::MANAGE_PAGES, 0, [0, 0]), 16);
        driver.submit(31, &deny);
        driver.collect(31, deny).expect("MANAGE_PAGES");
        assert_eq!(driver.collect(0, command), Err(Failed::Status(0x0f)));
    });
}

#[test]
fn a_device_that_may_not_ask_fails_the_command_at_once() {
    cold(5, |driver| {
        driver.bring_up();
        // No event queue takes page requests.
        assert_eq!(
            driver.command(&big_key(driver, 1 << 16), 16),
            Err(Failed::Status(0x0f))
        );
    });
}

#[test]
fn pages_in_use_are_not_given_back() {
    ready(6, |driver| {
        let taken = driver.take(500).len() as u32;
        assert!(taken > 0 && driver.device.owned_pages() == 316 - taken);
        assert!(driver.device.owned_pages() >= 166);
        assert_eq!(driver.take(500).len(), 0);
    });
}

#[test]
fn a_host_that_writes_to_a_given_page_ends_the_run() {
    let failure = sim::run(7, || {
        let driver = Driver::with(Config::new("cx", super::driver::MAC));
        driver.bring_up();
        driver.given()[1].write(0, &[0; 4096]);
        driver.take(500);
    })
    .expect_err("the run ends early");
    assert_eq!(failure.rule, "connectx.md 6: page ownership");
}

/// The device uses its pages: one that the host took away is missed.
#[test]
fn a_host_that_takes_a_page_away_is_found_out() {
    let failure = sim::run(8, || {
        let (function, _device) = {
            let driver = Driver::new();
            driver.bring_up();
            (driver.function.clone(), std::rc::Rc::clone(&driver.device))
        };
        touch(&function);
    })
    .expect_err("the run ends early");
    assert_eq!(failure.rule, "DMA-06");
}

/// A command of the dead host's driver makes the device look at its entry.
fn touch(function: &Function) {
    let pointer = function
        .map_io(function.bar_address(0) + 0x18, 4)
        .expect("inside BAR0");
    #[expect(clippy::cast_ptr_alignment, reason = "registers are aligned in their BAR")]
    let pointer = pointer.cast::<u32>();
    // SAFETY: inside the BAR, and aligned.
    unsafe { pointer.write_volatile(1_u32.to_be()) };
    cxndk_testbed::pci::drain();
    sim::sleep(sim::MILLISECOND);
}
