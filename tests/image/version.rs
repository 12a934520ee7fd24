//! The version resource: what Explorer, `driverquery` and crash dumps show of the file.

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::ResourceDirectoryEntryData;

use crate::file::{Image, image};

fn version_resource(image: &Image) -> Vec<u8> {
    let pe = image.pe();
    let directory = pe
        .data_directories()
        .resource_directory(image.bytes.as_slice(), &pe.section_table())
        .unwrap()
        .expect("resources");
    let kind = directory
        .root()
        .unwrap()
        .entries
        .iter()
        .find(|entry| entry.name_or_id().id() == Some(16))
        .expect("RT_VERSION");
    let mut data = kind.data(directory).unwrap();
    while let ResourceDirectoryEntryData::Table(table) = data {
        assert_eq!(table.entries.len(), 1, "one version, in one language");
        data = table.entries[0].data(directory).unwrap();
    }
    let ResourceDirectoryEntryData::Data(entry) = data else {
        unreachable!()
    };
    image
        .at(entry.offset_to_data.get(LE), entry.size.get(LE) as usize)
        .to_vec()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn holds(resource: &[u8], text: &str) -> bool {
    let text = wide(text);
    resource.windows(text.len()).any(|window| window == text)
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_resource_has_the_drivers_version() {
    let image = image();
    let resource = version_resource(image);
    assert_eq!(
        usize::from(u16::from_le_bytes([resource[0], resource[1]])),
        resource.len()
    );
    let fixed: Vec<u32> = resource[40..92]
        .chunks(4)
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect();
    assert_eq!(fixed[0], 0xFEEF_04BD);
    let version = u32::from(cxndk::adapter::version::DRIVER_MAJOR) << 16
        | u32::from(cxndk::adapter::version::DRIVER_MINOR);
    assert_eq!(
        fixed[2], version,
        "the file's version is what NDIS and the event log say"
    );
    assert_eq!(fixed[4], version);
    assert_eq!(fixed[9], 3, "VFT_DRV");
    assert_eq!(fixed[10], 6, "VFT2_DRV_NETWORK");
    for text in [
        "VS_VERSION_INFO",
        "FileVersion",
        env!("CARGO_PKG_VERSION"),
        "cxndk.sys",
        "MIT OR Apache-2.0",
    ] {
        assert!(holds(&resource, text), "{text}");
    }
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_resource_is_read_only_data() {
    let image = image();
    let (address, _) = image
        .directory(pe::IMAGE_DIRECTORY_ENTRY_RESOURCE)
        .expect("resources");
    let section = image.section_at(address).expect("a section");
    assert!(!section.executable() && !section.has(pe::IMAGE_SCN_MEM_WRITE));
}
