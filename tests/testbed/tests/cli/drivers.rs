//! Which driver runs: the linked one, or an image that an argument or the environment names.

use std::process::Command;

use cxndk_testbed::driver_source::image_named_by;

use crate::{file_of, run, testbed};

/// The compiler that made it, where it lies, how it was bound: nothing of that shows on the wire.
#[test]
#[ignore = "compares with a built image: scripts/test-sys"]
fn the_image_and_the_linked_driver_put_the_same_bytes_on_the_wire() {
    let image =
        image_named_by("CXNDK_DRIVER").expect("CXNDK_DRIVER names an image; scripts/test-sys builds one");
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 400_001);
    for (seed, loss) in [("0", "0"), ("1", "2"), ("2", "5")] {
        let captures = [None, Some(&image)].map(|image| {
            let capture = directory.path().join("run.pcap");
            let mut command = Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"));
            command
                .env_remove("CXNDK_DRIVER")
                .args(["copy", &file, "--seed", seed, "--loss", loss]);
            command.arg("--capture").arg(&capture);
            if let Some(image) = image {
                command.arg("--driver").arg(image);
            }
            let output = command.output().expect("the testbed runs");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(said.contains("(linked)"), image.is_none(), "{said}");
            std::fs::read(capture).unwrap()
        });
        assert!(captures[0].len() > 400_001);
        assert!(
            captures[0] == captures[1],
            "seed {seed}, loss {loss}: the captures differ"
        );
    }
}

#[test]
fn a_driver_that_is_none_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = directory.path().join("nothing.sys");
    let text = directory.path().join("text.sys");
    std::fs::write(&text, "no image").unwrap();
    for (path, why) in [(&nothing, "No such file"), (&text, "MZ")] {
        let path = path.to_str().unwrap();
        let output = run(&["--driver", path]);
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(path) && said.contains(why), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn the_environment_names_the_driver_for_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = directory.path().join("nothing.sys");
    for command in ["copy", "call"] {
        let output = Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"))
            .env("CXNDK_DRIVER", &nothing)
            .arg(command)
            .output()
            .expect("the testbed runs");
        assert!(!output.status.success(), "{command}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(nothing.to_str().unwrap()), "{command}: {said}");
    }
}

#[test]
fn an_empty_name_in_the_environment_is_none_and_a_relative_one_is_the_shells() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 100);
    let with = |name: &str| {
        let mut command = testbed();
        command
            .current_dir(directory.path())
            .env("CXNDK_DRIVER", name)
            .args(["copy", &file]);
        command.output().expect("the testbed runs")
    };
    let linked = with("");
    assert!(linked.status.success(), "{}", crate::said(&linked));
    assert!(String::from_utf8_lossy(&linked.stdout).contains("(linked)"));
    std::fs::write(directory.path().join("here.sys"), "no image").unwrap();
    let named = with("here.sys");
    assert!(!named.status.success());
    assert!(
        crate::said(&named).contains("MZ"),
        "it was found: {}",
        crate::said(&named)
    );
}
