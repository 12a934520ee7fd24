//! Device structures and opcodes against the published interface.

use std::collections::BTreeMap;

use cxndk::hw::layout::opcode;

use crate::notation::{Field, structures};

const PUBLISHED: &str = include_str!("device.txt");

/// Fields that are not as the interface header has them, which is right: it counts two bits, and drivers read three, of which the
/// third tells the value that resets.
const OWN: [(&str, &str); 1] = [("initial_seg", "nic_interface")];

/// Structures of a page of which only the head is used: a kernel stack is no place for the rest.
const HEADS: [&str; 1] = ["flow_table_nic_cap"];

struct Published {
    bytes: u32,
    fields: BTreeMap<String, (u32, u32)>,
}

fn published() -> BTreeMap<String, Published> {
    let mut all: BTreeMap<String, Published> = BTreeMap::new();
    let mut name = String::new();
    for line in PUBLISHED.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |index: usize| words[index].parse::<u32>().expect("a number");
        if line.starts_with("  ") {
            let structure = all.get_mut(&name).expect("a structure before its fields");
            structure
                .fields
                .insert(words[0].to_lowercase(), (number(1), number(2)));
        } else {
            words[0].clone_into(&mut name);
            let structure = Published {
                bytes: number(1),
                fields: BTreeMap::new(),
            };
            all.insert(name.clone(), structure);
        }
    }
    all
}

/// What of a field is not as it is published.
fn complaint(field: &Field, published: &Published) -> Option<String> {
    let Some(&(offset, size)) = published.fields.get(&field.name) else {
        return Some("is not published".to_owned());
    };
    let same = field.offset == offset && field.size.is_none_or(|ours| ours == size || size == 0);
    let ours = (field.offset, field.size);
    (!same).then(|| format!("is {ours:?}, published {:?}", (offset, size)))
}

/// Proves connectx 19: every field that driver and model share lies where the published interface has it.
#[test]
fn device_structures_are_as_published() {
    let published = published();
    let (mut checked, mut complaints) = (0, Vec::new());
    for structure in structures() {
        let name = &structure.published;
        let known = published
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not published"));
        let head = HEADS.contains(&name.as_str()) && structure.size < known.bytes;
        if known.bytes != 0 && known.bytes != structure.size && !head {
            complaints.push(format!(
                "{name}: {} bytes, published {}",
                structure.size, known.bytes
            ));
        }
        for field in &structure.fields {
            checked += 1;
            let own = OWN.contains(&(name.as_str(), field.name.as_str()));
            match complaint(field, known) {
                Some(text) if !own => complaints.push(format!("{name}.{} {text}", field.name)),
                None if own => complaints.push(format!("{name}.{} is published", field.name)),
                _ => {}
            }
        }
    }
    assert!(checked > 900, "{checked} fields");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A field that is a bit off is found.
#[test]
fn a_wrong_offset_is_found() {
    let published = published();
    let field = |offset, size| Field {
        name: "pd".to_owned(),
        offset,
        size: Some(size),
    };
    let qpc = &published["qpc"];
    assert_eq!(complaint(&field(40, 24), qpc), None);
    assert!(complaint(&field(41, 24), qpc).is_some());
    assert!(complaint(&field(40, 23), qpc).is_some());
}

macro_rules! opcodes {
    ($($name:ident $value:literal)*) => {
        /// Proves connectx 3: opcodes are the published ones.
        #[test]
        fn opcodes_are_as_published() {
            let source = include_str!("../../src/hw/layout/opcode.rs");
            let all = source.matches("\npub const ").count();
            let checked = [$((stringify!($name), opcode::$name, $value)),*];
            for (name, ours, published) in checked {
                assert_eq!(ours, published, "{name}");
            }
            assert_eq!(checked.len(), all, "every opcode of the source is in the list");
        }
    };
}

opcodes! {
    QUERY_HCA_CAP 0x100
    QUERY_ADAPTER 0x101
    INIT_HCA 0x102
    TEARDOWN_HCA 0x103
    ENABLE_HCA 0x104
    DISABLE_HCA 0x105
    QUERY_PAGES 0x107
    MANAGE_PAGES 0x108
    SET_HCA_CAP 0x109
    QUERY_ISSI 0x10a
    SET_ISSI 0x10b
    SET_DRIVER_VERSION 0x10d
    CREATE_MKEY 0x200
    QUERY_MKEY 0x201
    DESTROY_MKEY 0x202
    QUERY_SPECIAL_CONTEXTS 0x203
    CREATE_EQ 0x301
    DESTROY_EQ 0x302
    QUERY_EQ 0x303
    GEN_EQE 0x304
    CREATE_CQ 0x400
    DESTROY_CQ 0x401
    QUERY_CQ 0x402
    MODIFY_CQ 0x403
    CREATE_QP 0x500
    DESTROY_QP 0x501
    RST2INIT_QP 0x502
    INIT2RTR_QP 0x503
    RTR2RTS_QP 0x504
    RTS2RTS_QP 0x505
    SQERR2RTS_QP 0x506
    QP_2ERR_QP 0x507
    QP_2RST_QP 0x50a
    QUERY_QP 0x50b
    INIT2INIT_QP 0x50e
    SQD_RTS_QP 0x50c
    QUERY_VPORT_STATE 0x750
    MODIFY_VPORT_STATE 0x751
    QUERY_NIC_VPORT_CONTEXT 0x754
    MODIFY_NIC_VPORT_CONTEXT 0x755
    QUERY_ROCE_ADDRESS 0x760
    SET_ROCE_ADDRESS 0x761
    ALLOC_Q_COUNTER 0x771
    DEALLOC_Q_COUNTER 0x772
    QUERY_Q_COUNTER 0x773
    ALLOC_PD 0x800
    DEALLOC_PD 0x801
    ALLOC_UAR 0x802
    DEALLOC_UAR 0x803
    ACCESS_REG 0x805
    ALLOC_XRCD 0x80e
    DEALLOC_XRCD 0x80f
    ALLOC_TRANSPORT_DOMAIN 0x816
    DEALLOC_TRANSPORT_DOMAIN 0x817
    QUERY_VPORT_COUNTER 0x770
    CREATE_TIR 0x900
    MODIFY_TIR 0x901
    DESTROY_TIR 0x902
    CREATE_SQ 0x904
    MODIFY_SQ 0x905
    DESTROY_SQ 0x906
    QUERY_SQ 0x907
    CREATE_RQ 0x908
    MODIFY_RQ 0x909
    DESTROY_RQ 0x90a
    QUERY_RQ 0x90b
    CREATE_TIS 0x912
    MODIFY_TIS 0x913
    DESTROY_TIS 0x914
    CREATE_RQT 0x916
    MODIFY_RQT 0x917
    DESTROY_RQT 0x918
    SET_FLOW_TABLE_ROOT 0x92f
    CREATE_FLOW_TABLE 0x930
    DESTROY_FLOW_TABLE 0x931
    CREATE_FLOW_GROUP 0x933
    DESTROY_FLOW_GROUP 0x934
    SET_FLOW_TABLE_ENTRY 0x936
    DELETE_FLOW_TABLE_ENTRY 0x938
    MODIFY_FLOW_TABLE 0x93c
}
