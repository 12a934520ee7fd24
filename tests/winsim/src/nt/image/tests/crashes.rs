//! Drivers that crash: the run ends with a report that says what, where and from where.

use super::build::{CODE, Parts, slot};
use super::enter;
use crate::sim::Failure;

fn crash(code: &[u8]) -> Failure {
    enter(&Parts {
        code: code.to_vec(),
        ..Parts::default()
    })
}

#[track_caller]
fn says(failure: &Failure, words: &[&str]) {
    assert_eq!(failure.rule, "FAULT", "{failure}");
    for word in words {
        assert!(
            failure.message.contains(word),
            "{:?} does not say {word:?}",
            failure.message
        );
    }
    assert!(failure.context.contains("DriverEntry"), "{failure}");
}

#[test]
fn an_access_violation_is_reported() {
    // mov eax, [0x10]
    let failure = crash(&[0x8b, 0x04, 0x25, 0x10, 0, 0, 0, 0xc3]);
    says(
        &failure,
        &["access violation", "at 0x10", "made.sys+0x1000", "IRQL 0"],
    );
}

#[test]
fn the_last_kernel_calls_are_shown() {
    // sub rsp, 40; xor ecx, ecx; call [KeQueryPerformanceCounter]; ud2
    let mut code = vec![0x48, 0x83, 0xec, 0x28, 0x31, 0xc9, 0xff, 0x15];
    code.extend((slot(0) - (CODE + 12)).to_le_bytes());
    code.extend([0x0f, 0x0b]);
    let failure = enter(&Parts {
        code,
        names: vec!["KeQueryPerformanceCounter"],
        ..Parts::default()
    });
    says(&failure, &["made.sys+0x100c"]);
    assert!(
        failure
            .history
            .iter()
            .any(|line| line.contains("KeQueryPerformanceCounter")),
        "{failure}"
    );
}

#[test]
fn code_cannot_be_written() {
    // mov byte ptr [rip - 7], 0
    let failure = crash(&[0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 0, 0xc3]);
    says(&failure, &["access violation", "made.sys+0x1000"]);
}

#[test]
fn data_cannot_be_executed() {
    // jmp to the data section
    let failure = crash(&[0xe9, 0xfb, 0x0f, 0, 0]);
    says(&failure, &["access violation", "made.sys+0x2000"]);
}

#[test]
fn instructions_that_raise_exceptions_are_reported() {
    says(&crash(&[0x90, 0xcc, 0xc3]), &["breakpoint", "made.sys+0x1001"]);
    says(&crash(&[0x0f, 0x0b]), &["illegal instruction", "made.sys+0x1000"]);
    // xor ecx, ecx; div ecx
    says(
        &crash(&[0x31, 0xc9, 0xf7, 0xf1, 0xc3]),
        &["division", "made.sys+0x1002"],
    );
}

#[test]
fn a_stack_overflow_is_reported_as_one() {
    // call itself
    says(
        &crash(&[0xe8, 0xfb, 0xff, 0xff, 0xff]),
        &["stack overflow", "made.sys+0x1000", "called from made.sys+0x1005"],
    );
}

/// A frame that is larger than the guard page meets it all the same, by `__chkstk`.
#[test]
fn a_large_frame_overflows_the_stack_in_order() {
    // mov eax, 0x100000; call [__chkstk]; sub rsp, rax
    let after = CODE + 11;
    let mut code = vec![0xb8, 0, 0, 0x10, 0, 0xff, 0x15];
    code.extend((slot(0) - after).to_le_bytes());
    code.extend([0x48, 0x29, 0xc4, 0xc3]);
    let failure = enter(&Parts {
        code,
        names: vec!["__chkstk"],
        ..Parts::default()
    });
    assert_eq!(failure.rule, "FAULT");
    assert!(failure.message.contains("stack overflow"), "{failure}");
}

#[test]
fn a_bug_check_names_its_caller() {
    // sub rsp, 56; mov ecx, 0x1337; call [KeBugCheckEx]
    let mut code = vec![0x48, 0x83, 0xec, 0x38, 0xb9, 0x37, 0x13, 0, 0, 0xff, 0x15];
    code.extend((slot(0) - (CODE + 15)).to_le_bytes());
    code.push(0xcc);
    let failure = enter(&Parts {
        code,
        names: vec!["KeBugCheckEx"],
        ..Parts::default()
    });
    assert_eq!(failure.rule, "BUGCHECK");
    assert!(failure.message.contains("0x1337"), "{failure}");
    assert!(
        failure.message.contains("called from made.sys+0x100f"),
        "{failure}"
    );
}
