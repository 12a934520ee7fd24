//! Compiles a driver's `VERSIONINFO` to the .res format, for hosts that have no resource compiler.
//!
//! Source: Win32 "VS_VERSIONINFO structure", "VS_FIXEDFILEINFO structure", "Resource file formats".

/// `RT_VERSION`.
const TYPE_VERSION: u16 = 16;
/// English (United States), Unicode.
const LANGUAGE: u16 = 0x0409;
const CODE_PAGE: u16 = 1200;
const FIXED_SIGNATURE: u32 = 0xFEEF_04BD;
/// `VOS_NT_WINDOWS32`.
const OS_NT: u32 = 0x0004_0004;
/// `VFT_DRV`, `VFT2_DRV_NETWORK`.
const FILE_TYPE: [u32; 2] = [3, 6];

/// A resource file with one version resource: `version` is that of file and product, `name` that of the image without
/// its extension.
pub fn compile(version: [u16; 4], name: &str, description: &str) -> Vec<u8> {
    let mut file = Vec::new();
    // A 32-bit resource file begins with an empty resource.
    file.extend(resource(0, 0, 0, &[]));
    file.extend(resource(
        TYPE_VERSION,
        1,
        LANGUAGE,
        &version_info(version, name, description),
    ));
    file
}

fn resource(kind: u16, id: u16, language: u16, data: &[u8]) -> Vec<u8> {
    const HEADER: u32 = 32;
    let mut bytes = Vec::new();
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(HEADER.to_le_bytes());
    for half in [0xFFFF, kind, 0xFFFF, id] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend([0; 6]);
    bytes.extend(language.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(data);
    align(&mut bytes);
    bytes
}

fn version_info(version: [u16; 4], name: &str, description: &str) -> Vec<u8> {
    let numbers = version.map(|part| part.to_string()).join(".");
    let strings: Vec<u8> = [
        ("CompanyName", "cxndk"),
        ("FileDescription", description),
        ("FileVersion", &numbers),
        ("InternalName", name),
        ("LegalCopyright", "MIT OR Apache-2.0"),
        ("OriginalFilename", &format!("{name}.sys")),
        ("ProductName", "cxndk"),
        ("ProductVersion", &numbers),
    ]
    .into_iter()
    .flat_map(|(key, value)| text_block(key, value))
    .collect();
    let table = block(&format!("{LANGUAGE:04X}{CODE_PAGE:04X}"), &[], 0, true, &strings);
    let mut children = block("StringFileInfo", &[], 0, true, &table);
    let translation: Vec<u8> = [LANGUAGE, CODE_PAGE]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect();
    let variable = block("Translation", &translation, translation.len(), false, &[]);
    children.extend(block("VarFileInfo", &[], 0, true, &variable));
    let fixed = fixed_info(version);
    block("VS_VERSION_INFO", &fixed, fixed.len(), false, &children)
}

fn fixed_info([major, minor, patch, build]: [u16; 4]) -> Vec<u8> {
    let high = u32::from(major) << 16 | u32::from(minor);
    let low = u32::from(patch) << 16 | u32::from(build);
    let [kind, subtype] = FILE_TYPE;
    let words = [
        FIXED_SIGNATURE,
        0x0001_0000,
        high,
        low,
        high,
        low,
        0x3F,
        0,
        OS_NT,
        kind,
        subtype,
        0,
        0,
    ];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A string's block counts its value in characters, the terminator among them.
fn text_block(key: &str, value: &str) -> Vec<u8> {
    block(key, &wide(value), value.encode_utf16().count() + 1, true, &[])
}

fn block(key: &str, value: &[u8], value_length: usize, text: bool, children: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 2];
    bytes.extend((value_length as u16).to_le_bytes());
    bytes.extend(u16::from(text).to_le_bytes());
    bytes.extend(wide(key));
    align(&mut bytes);
    bytes.extend(value);
    if !children.is_empty() {
        align(&mut bytes);
        bytes.extend(children);
    }
    let length = bytes.len() as u16;
    bytes[..2].copy_from_slice(&length.to_le_bytes());
    // The next sibling begins on a boundary of 4; the length leaves the padding out.
    align(&mut bytes);
    bytes
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
