//! Small wrong drivers that the device catches: doorbells, data segments, memory, what is left behind.

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Memory, dword};
use super::ready;
use super::traffic::{End, WRITE, piece, remote};
use cxndk_testbed::sim;

/// The bit of the command register of configuration space that lets the device begin transactions.
const BUS_MASTER: u8 = 1 << 2;

/// The rule that ends the run of `wrong`, which works on a connected queue pair whose peer does not exist.
fn caught(wrong: impl FnOnce(&End) + Send) -> &'static str {
    let result = sim::run(1, move || {
        let end = End::new(0);
        end.connect(0, 0x1234);
        wrong(&end);
        sim::sleep(sim::MILLISECOND);
        // What the driver leaves without a word is not what these tests are about.
        std::mem::forget(end);
    });
    result.err().map_or("none", |failure| failure.rule)
}

fn write(end: &End) -> u64 {
    let segments = [remote(0x99, 0), piece(end.key, end.at(0), 64)].concat();
    end.put(WRITE, 0, &segments)
}

/// Proves connectx 9, 10, 17: the record counts the WQE before the doorbell is stored, even if it does a moment later, and the words
/// of the doorbell are the head of the WQE.
#[test]
fn a_doorbell_that_the_memory_does_not_bear_out_is_caught() {
    let good = caught(|end| {
        let doorbell = write(end);
        end.count_sent();
        end.ring_with(doorbell);
    });
    assert_eq!(good, "none");
    let early = caught(|end| {
        end.ring_with(write(end));
        end.count_sent();
    });
    assert_eq!(early, "connectx.md 9: doorbell record");
    let ahead = caught(|end| {
        let doorbell = write(end);
        end.count_sent();
        end.ring_with(doorbell + (1 << 40));
    });
    assert_eq!(ahead, "connectx.md 9: doorbell record");
    for wrong_bits in [1 << 32, 1] {
        let other = caught(move |end| {
            let doorbell = write(end);
            end.count_sent();
            end.ring_with(doorbell ^ wrong_bits);
        });
        assert_eq!(other, "connectx.md 10: doorbell", "{wrong_bits:#x}");
    }
}

/// Proves connectx 1, 7, 8, 9: doorbells of queues that do not exist, through pages that were not allocated, and at places
/// where no register is.
#[test]
fn a_doorbell_that_reaches_nothing_is_caught() {
    let uar = |end: &End| u64::from(end.driver.uar.get()) * 4096;
    let strays: [fn(&End, u64); 5] = [
        |end, uar| end.driver.write64(uar + 0x800, u64::from(end.qpn + 1) << 8),
        |end, uar| end.driver.write64(uar + 4096 + 0x800, u64::from(end.qpn) << 8),
        |end, uar| end.driver.write64(uar + 0x20, 0x00ff_ff00),
        |end, uar| end.driver.write(uar + 0x40, 0x77 << 24),
        |end, uar| end.driver.write64(uar + 0x100, 0),
    ];
    for (index, stray) in strays.into_iter().enumerate() {
        let rule = caught(move |end| stray(end, uar(end)));
        assert_eq!(rule, "connectx.md 1: UAR", "case {index}");
    }
}

/// Proves connectx 10: a piece with byte count 0 is 2 GiB to the device.
#[test]
fn a_piece_of_no_bytes_is_caught() {
    let rule = caught(|end| {
        let pieces = [piece(end.key, end.at(0), 64), piece(end.key, end.at(64), 0)].concat();
        let doorbell = end.put(WRITE, 0, &[remote(0x99, 0), pieces].concat());
        end.count_sent();
        end.ring_with(doorbell);
    });
    assert_eq!(rule, "connectx.md 10: data segment");
}

/// A key over the pages of `memory`; its index.
fn paged_key(driver: &Driver, pd: u32, memory: &Memory) -> u32 {
    let pages = memory.pages();
    let octwords = pages.len().div_ceil(2) as u32;
    let mut input = hw::CreateMkeyIn::new();
    input
        .set_opcode(u32::from(op::CREATE_MKEY))
        .set_translations_octword_actual_size(octwords);
    let context = input.memory_key_mkey_entry_mut();
    context
        .set_access_mode_1_0(1)
        .set_pd(pd)
        .set_qpn(0x00ff_ffff)
        .set_lr(1)
        .set_log_page_size(12);
    context
        .set_len(pages.len() as u64 * 4096)
        .set_translations_octword_size(octwords);
    let list = pages.into_iter().chain([0]).take(octwords as usize * 2);
    let list = list.flat_map(|page| (page | 1).to_be_bytes());
    let input: Vec<u8> = input.as_bytes().iter().copied().chain(list).collect();
    dword(&driver.command(&input, 16).expect("CREATE_MKEY"), 8) & 0x00ff_ffff
}

/// Proves connectx 17: memory is unmapped after what names it is destroyed: rings, records, keys, pages of the device.
#[test]
fn memory_that_the_device_knows_is_not_unmapped() {
    let unmap = |end: &End, bus, length| end.driver.function.domain().give_back(bus, length);
    let in_use = "connectx.md 17: DMA memory freed";
    assert_eq!(caught(|end| assert!(unmap(end, end.ring.bus, 64 * 128))), in_use);
    assert_eq!(caught(|end| assert!(unmap(end, end.record.bus, 4096))), in_use);
    assert_eq!(
        caught(|end| assert!(unmap(end, end.driver.eq.bus, 64 << 7))),
        in_use
    );
    let page = caught(|end| {
        let (bus, length) = {
            let given = end.driver.given();
            (given[0].bus, given[0].pages().len() * 4096)
        };
        assert!(unmap(end, bus, length));
    });
    assert_eq!(page, in_use);
    for destroyed in [false, true] {
        let rule = caught(move |end| {
            let memory = end.driver.memory(5 * 4096);
            let index = paged_key(&end.driver, end.pd, &memory);
            if destroyed {
                end.driver
                    .short(op::DESTROY_MKEY, 0, [index, 0])
                    .expect("DESTROY_MKEY");
            }
            assert!(unmap(end, memory.bus, 5 * 4096));
            std::mem::forget(memory);
        });
        assert_eq!(rule, if destroyed { "none" } else { in_use });
    }
}

/// Proves connectx 4: what was not destroyed is known, before a teardown, which is no excuse, and after it.
#[test]
fn what_the_driver_leaves_in_the_device_is_known() {
    ready(9, |driver| {
        let leftovers = || driver.function.leftovers();
        let all = [
            format!("Eqn({:#x})", driver.eqn.get()),
            format!("Uarn({:#x})", driver.uar.get()),
        ];
        assert_eq!(leftovers(), all);
        driver
            .short(op::DEALLOC_UAR, 0, [driver.uar.get(), 0])
            .expect_err("an event queue rings there");
        driver.short(op::TEARDOWN_HCA, 0, [0, 0]).expect("TEARDOWN_HCA");
        assert_eq!(leftovers(), all);
        driver.function.reset();
        assert!(leftovers().is_empty(), "a reset forgets everything");
    });
}

/// Proves the check of HALT-01: to take the bus away from a device that works is no teardown; all that it had lives on in it.
#[test]
fn a_device_that_is_only_cut_off_has_everything_still() {
    ready(9, |driver| {
        let before = driver.function.leftovers();
        assert_eq!(before.len(), 2, "{before:?}");
        let mut command = [0; 2];
        driver.function.config_read(4, &mut command);
        command[0] &= !BUS_MASTER;
        driver.function.config_write(4, &command);
        assert_eq!(driver.function.leftovers(), before);
        driver.function.reset();
    });
}

/// Proves connectx 8: a completion more than the queue holds is a mistake of the driver or its consumer.
#[test]
fn a_completion_queue_that_overruns_is_caught() {
    let rule = caught(|end| {
        for _ in 0..=64 {
            let doorbell = end.put(0, 0, &[]);
            end.count_sent();
            end.ring_with(doorbell);
            sim::sleep(sim::MICROSECOND);
        }
    });
    assert_eq!(rule, "connectx.md 8: CQ overrun");
}
