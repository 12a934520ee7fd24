//! Headers: what the NT loader asks of a driver's file, and what a modern one has.

use object::LittleEndian as LE;
use object::pe;

use crate::file::image;

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn it_is_a_native_driver_image_for_x64() {
    let image = image();
    let nt = image.nt();
    assert_eq!(nt.file_header.machine.get(LE), pe::IMAGE_FILE_MACHINE_AMD64);
    let flags = nt.file_header.characteristics.get(LE);
    assert_ne!(flags.0 & pe::IMAGE_FILE_EXECUTABLE_IMAGE.0, 0);
    assert_ne!(flags.0 & pe::IMAGE_FILE_LARGE_ADDRESS_AWARE.0, 0);
    assert_eq!(flags.0 & pe::IMAGE_FILE_RELOCS_STRIPPED.0, 0);
    assert_eq!(nt.optional_header.subsystem.get(LE), pe::IMAGE_SUBSYSTEM_NATIVE);
    let entry = nt.optional_header.address_of_entry_point.get(LE);
    assert!(
        image
            .section_at(entry)
            .expect("an entry point in a section")
            .executable()
    );
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn it_is_never_executable_data_and_goes_to_any_address() {
    let image = image();
    let flags = image.nt().optional_header.dll_characteristics.get(LE);
    for (flag, name) in [
        (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT"),
        (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE"),
        (pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "HIGH_ENTROPY_VA"),
    ] {
        assert_ne!(flags.0 & flag.0, 0, "{name}");
    }
    assert!(
        !image.relocated().is_empty(),
        "an image that moves has pointers to relocate"
    );
}

/// The kernel refuses a boot driver whose checksum is wrong, and signing tools expect a right one.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_checksum_is_that_of_the_file() {
    let image = image();
    let nt_offset = u32::from_le_bytes(image.bytes[0x3C..0x40].try_into().unwrap()) as usize;
    // Signature, file header, and 64 bytes into the optional header.
    let field = nt_offset + 4 + 20 + 64;
    let mut sum = 0_u32;
    for (index, pair) in image.bytes.chunks(2).enumerate() {
        if (field..field + 4).contains(&(index * 2)) {
            continue;
        }
        sum += u32::from(pair[0]) | u32::from(*pair.get(1).unwrap_or(&0)) << 8;
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    let expected = sum + image.bytes.len() as u32;
    assert_eq!(image.nt().optional_header.check_sum.get(LE), expected);
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn its_symbols_lie_beside_it() {
    let image = image();
    let pe = image.pe();
    let debug = object::read::Object::pdb_info(&pe)
        .expect("a debug directory that can be read")
        .expect("a reference to symbols");
    let name = String::from_utf8_lossy(debug.path()).into_owned();
    assert_eq!(
        name, "cxndk.pdb",
        "a name, and no path of the machine that built it"
    );
    let file = std::fs::File::open(image.path.with_file_name(name)).expect("the symbols beside the image");
    let mut symbols = pdb2::PDB::open(file).expect("a PDB");
    let information = symbols.pdb_information().unwrap();
    assert_eq!(information.guid.to_bytes_le(), debug.guid());
}

/// Nothing in the file tells where it was built.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn it_names_no_directory_of_the_machine_that_built_it() {
    let image = image();
    for place in [env!("CARGO_MANIFEST_DIR"), env!("HOME"), "/rustlib/"] {
        let found = image
            .bytes
            .windows(place.len())
            .any(|window| window == place.as_bytes());
        assert!(!found, "{place}");
    }
}
