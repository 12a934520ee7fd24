//! Symbols: an address in the image has the name of its function, so that a crash report has one.

use cxndk_testbed::nt::image::{Image, ImageFile, describe};
use cxndk_testbed::sim;

use crate::file::image;
use crate::functions::Functions;

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn a_crash_report_names_functions() {
    let image = image();
    let functions = Functions::of(image);
    let [send] = functions.named("edge::qp::send")[..] else {
        panic!("one NdkSend")
    };
    let offset = send.start as usize + 1;
    let said = sim::run(1, || {
        let file = ImageFile::open(&image.path).unwrap_or_else(|error| panic!("{error}"));
        let loaded = Image::load(&file).unwrap_or_else(|error| panic!("{error}"));
        describe(loaded.base() + offset)
    });
    let said = said.expect("no rule is broken").expect("an address in an image");
    assert!(said.starts_with(&format!("cxndk.sys+{offset:#x} (")), "{said}");
    assert!(said.contains("cxndk::ndk::") || said.contains("send"), "{said}");
}
