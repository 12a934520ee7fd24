//! Copies: whole files, lossy links, seeds.

use crate::{assert_good, file_of, json};

#[test]
fn files_of_any_length_come_back_as_they_went() {
    let directory = tempfile::tempdir().unwrap();
    for length in [0, 1, 4095, 4097, 1 << 20, (1 << 20) + 1, 3_333_333] {
        assert_good(&json(&[&file_of(directory.path(), length)]), length);
    }
}

#[test]
fn a_lossy_link_delivers_the_file_and_counts_what_was_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 1_000_001);
    for seed in 0..5 {
        let report = json(&[&file, "--loss", "2", "--seed", &seed.to_string()]);
        assert_good(&report, 1_000_001);
        assert!(
            report["retransmitted"].as_u64().unwrap() > 0,
            "seed {seed}: {report}"
        );
    }
}

#[test]
fn one_seed_gives_one_capture_to_the_byte_and_another_seed_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 300_000);
    let capture = |name: &str, seed: &str| {
        let path = directory.path().join(name);
        json(&[
            &file,
            "--loss",
            "1",
            "--seed",
            seed,
            "--capture",
            path.to_str().unwrap(),
        ]);
        std::fs::read(path).unwrap()
    };
    let first = capture("first.pcap", "7");
    assert!(first.len() > 600_000, "the file went both ways over the wire");
    assert_eq!(first, capture("second.pcap", "7"));
    assert_ne!(first, capture("third.pcap", "8"));
}
