//! Command opcodes.

/// `QUERY_HCA_CAP`.
pub const QUERY_HCA_CAP: u16 = 0x100;
/// `QUERY_ADAPTER`.
pub const QUERY_ADAPTER: u16 = 0x101;
/// `INIT_HCA`.
pub const INIT_HCA: u16 = 0x102;
/// `TEARDOWN_HCA`.
pub const TEARDOWN_HCA: u16 = 0x103;
/// `ENABLE_HCA`.
pub const ENABLE_HCA: u16 = 0x104;
/// `DISABLE_HCA`.
pub const DISABLE_HCA: u16 = 0x105;
/// `QUERY_PAGES`.
pub const QUERY_PAGES: u16 = 0x107;
/// `MANAGE_PAGES`.
pub const MANAGE_PAGES: u16 = 0x108;
/// `SET_HCA_CAP`.
pub const SET_HCA_CAP: u16 = 0x109;
/// `QUERY_ISSI`.
pub const QUERY_ISSI: u16 = 0x10a;
/// `SET_ISSI`.
pub const SET_ISSI: u16 = 0x10b;
/// `SET_DRIVER_VERSION`.
pub const SET_DRIVER_VERSION: u16 = 0x10d;
/// `CREATE_MKEY`.
pub const CREATE_MKEY: u16 = 0x200;
/// `QUERY_MKEY`.
pub const QUERY_MKEY: u16 = 0x201;
/// `DESTROY_MKEY`.
pub const DESTROY_MKEY: u16 = 0x202;
/// `QUERY_SPECIAL_CONTEXTS`.
pub const QUERY_SPECIAL_CONTEXTS: u16 = 0x203;
/// `CREATE_EQ`.
pub const CREATE_EQ: u16 = 0x301;
/// `DESTROY_EQ`.
pub const DESTROY_EQ: u16 = 0x302;
/// `QUERY_EQ`.
pub const QUERY_EQ: u16 = 0x303;
/// `GEN_EQE`.
pub const GEN_EQE: u16 = 0x304;
/// `CREATE_CQ`.
pub const CREATE_CQ: u16 = 0x400;
/// `DESTROY_CQ`.
pub const DESTROY_CQ: u16 = 0x401;
/// `QUERY_CQ`.
pub const QUERY_CQ: u16 = 0x402;
/// `MODIFY_CQ`.
pub const MODIFY_CQ: u16 = 0x403;
/// `CREATE_QP`.
pub const CREATE_QP: u16 = 0x500;
/// `DESTROY_QP`.
pub const DESTROY_QP: u16 = 0x501;
/// `RST2INIT_QP`.
pub const RST2INIT_QP: u16 = 0x502;
/// `INIT2RTR_QP`.
pub const INIT2RTR_QP: u16 = 0x503;
/// `RTR2RTS_QP`.
pub const RTR2RTS_QP: u16 = 0x504;
/// `RTS2RTS_QP`.
pub const RTS2RTS_QP: u16 = 0x505;
/// `SQERR2RTS_QP`.
pub const SQERR2RTS_QP: u16 = 0x506;
/// `2ERR_QP`.
pub const QP_2ERR_QP: u16 = 0x507;
/// `2RST_QP`.
pub const QP_2RST_QP: u16 = 0x50a;
/// `QUERY_QP`.
pub const QUERY_QP: u16 = 0x50b;
/// `INIT2INIT_QP`.
pub const INIT2INIT_QP: u16 = 0x50e;
/// `SQD_RTS_QP`.
pub const SQD_RTS_QP: u16 = 0x50c;
/// `QUERY_VPORT_STATE`.
pub const QUERY_VPORT_STATE: u16 = 0x750;
/// `MODIFY_VPORT_STATE`.
pub const MODIFY_VPORT_STATE: u16 = 0x751;
/// `QUERY_NIC_VPORT_CONTEXT`.
pub const QUERY_NIC_VPORT_CONTEXT: u16 = 0x754;
/// `MODIFY_NIC_VPORT_CONTEXT`.
pub const MODIFY_NIC_VPORT_CONTEXT: u16 = 0x755;
/// `QUERY_ROCE_ADDRESS`.
pub const QUERY_ROCE_ADDRESS: u16 = 0x760;
/// `SET_ROCE_ADDRESS`.
pub const SET_ROCE_ADDRESS: u16 = 0x761;
/// `ALLOC_Q_COUNTER`.
pub const ALLOC_Q_COUNTER: u16 = 0x771;
/// `DEALLOC_Q_COUNTER`.
pub const DEALLOC_Q_COUNTER: u16 = 0x772;
/// `QUERY_Q_COUNTER`.
pub const QUERY_Q_COUNTER: u16 = 0x773;
/// `ALLOC_PD`.
pub const ALLOC_PD: u16 = 0x800;
/// `DEALLOC_PD`.
pub const DEALLOC_PD: u16 = 0x801;
/// `ALLOC_UAR`.
pub const ALLOC_UAR: u16 = 0x802;
/// `DEALLOC_UAR`.
pub const DEALLOC_UAR: u16 = 0x803;
/// `ACCESS_REG`.
pub const ACCESS_REG: u16 = 0x805;
/// `ALLOC_XRCD`.
pub const ALLOC_XRCD: u16 = 0x80e;
/// `DEALLOC_XRCD`.
pub const DEALLOC_XRCD: u16 = 0x80f;
/// `ALLOC_TRANSPORT_DOMAIN`.
pub const ALLOC_TRANSPORT_DOMAIN: u16 = 0x816;
/// `DEALLOC_TRANSPORT_DOMAIN`.
pub const DEALLOC_TRANSPORT_DOMAIN: u16 = 0x817;
/// `QUERY_VPORT_COUNTER`.
pub const QUERY_VPORT_COUNTER: u16 = 0x770;
/// `CREATE_TIR`.
pub const CREATE_TIR: u16 = 0x900;
/// `MODIFY_TIR`.
pub const MODIFY_TIR: u16 = 0x901;
/// `DESTROY_TIR`.
pub const DESTROY_TIR: u16 = 0x902;
/// `CREATE_SQ`.
pub const CREATE_SQ: u16 = 0x904;
/// `MODIFY_SQ`.
pub const MODIFY_SQ: u16 = 0x905;
/// `DESTROY_SQ`.
pub const DESTROY_SQ: u16 = 0x906;
/// `QUERY_SQ`.
pub const QUERY_SQ: u16 = 0x907;
/// `CREATE_RQ`.
pub const CREATE_RQ: u16 = 0x908;
/// `MODIFY_RQ`.
pub const MODIFY_RQ: u16 = 0x909;
/// `DESTROY_RQ`.
pub const DESTROY_RQ: u16 = 0x90a;
/// `QUERY_RQ`.
pub const QUERY_RQ: u16 = 0x90b;
/// `CREATE_TIS`.
pub const CREATE_TIS: u16 = 0x912;
/// `MODIFY_TIS`.
pub const MODIFY_TIS: u16 = 0x913;
/// `DESTROY_TIS`.
pub const DESTROY_TIS: u16 = 0x914;
/// `CREATE_RQT`.
pub const CREATE_RQT: u16 = 0x916;
/// `MODIFY_RQT`.
pub const MODIFY_RQT: u16 = 0x917;
/// `DESTROY_RQT`.
pub const DESTROY_RQT: u16 = 0x918;
/// `SET_FLOW_TABLE_ROOT`.
pub const SET_FLOW_TABLE_ROOT: u16 = 0x92f;
/// `CREATE_FLOW_TABLE`.
pub const CREATE_FLOW_TABLE: u16 = 0x930;
/// `DESTROY_FLOW_TABLE`.
pub const DESTROY_FLOW_TABLE: u16 = 0x931;
/// `CREATE_FLOW_GROUP`.
pub const CREATE_FLOW_GROUP: u16 = 0x933;
/// `DESTROY_FLOW_GROUP`.
pub const DESTROY_FLOW_GROUP: u16 = 0x934;
/// `SET_FLOW_TABLE_ENTRY`.
pub const SET_FLOW_TABLE_ENTRY: u16 = 0x936;
/// `DELETE_FLOW_TABLE_ENTRY`.
pub const DELETE_FLOW_TABLE_ENTRY: u16 = 0x938;
/// `MODIFY_FLOW_TABLE`.
pub const MODIFY_FLOW_TABLE: u16 = 0x93c;
