//! Queue pairs: creation, transitions, their checks (connectx.md section 9).

use std::rc::Rc;

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, MAC, Memory, dword, header};
use super::ready;
use connectx_model::{Qp, Qpn, Service, State};

const BAD_PARAMETER: Failed = Failed::Status(0x03);
const BAD_RESOURCE: Failed = Failed::Status(0x05);
const BAD_QP_STATE: Failed = Failed::Status(0x10);

/// A queue pair with all that it needs.
pub(super) struct Pair<'a> {
    driver: &'a Driver,
    pub(super) pd: u32,
    pub(super) cqn: u32,
    pub(super) qpn: u32,
    context: hw::Qpc,
    _ring: Memory,
    _record: Memory,
    _cq: (Memory, Memory),
}

fn completion_queue(driver: &Driver) -> (u32, (Memory, Memory)) {
    let (ring, record) = (driver.memory(4096), driver.memory(4096));
    let mut input = hw::CreateCqIn::new();
    input.set_opcode(u32::from(op::CREATE_CQ));
    let context = input.cq_context_mut();
    context
        .set_log_cq_size(4)
        .set_uar_page(driver.uar.get())
        .set_c_eqn_or_apu_element(driver.eqn.get());
    context.set_dbr_addr(record.bus);
    let input = [&input.as_bytes()[..], &ring.bus.to_be_bytes()[..]].concat();
    let number = dword(&driver.command(&input, 16).expect("CREATE_CQ"), 8) & 0x00ff_ffff;
    (number, (ring, record))
}

impl<'a> Pair<'a> {
    pub(super) fn new(driver: &'a Driver) -> Self {
        Self::with(driver, |_| ()).expect("CREATE_QP")
    }

    /// A reliable connection with 16 send blocks and 8 receive WQEs of 64 bytes; `change` may spoil it.
    pub(super) fn with(driver: &'a Driver, change: impl FnOnce(&mut hw::CreateQpIn)) -> Result<Self, Failed> {
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let (cqn, cq) = completion_queue(driver);
        let (ring, record) = (driver.memory(4096), driver.memory(4096));
        let mut input = hw::CreateQpIn::new();
        input.set_opcode(u32::from(op::CREATE_QP));
        let context = input.qpc_mut();
        context
            .set_pd(pd)
            .set_uar_page(driver.uar.get())
            .set_cqn_snd(cqn)
            .set_cqn_rcv(cqn)
            .set_pm_state(3);
        context
            .set_log_sq_size(4)
            .set_log_rq_size(3)
            .set_log_rq_stride(2)
            .set_dbr_addr(record.bus);
        context.set_rlky(1).set_fre(1).set_user_index(0x00ff_ffff);
        change(&mut input);
        let context = *input.qpc();
        let input = [&input.as_bytes()[..], &ring.bus.to_be_bytes()[..]].concat();
        let qpn = dword(&driver.command(&input, 16)?, 8) & 0x00ff_ffff;
        Ok(Self {
            driver,
            pd,
            cqn,
            qpn,
            context,
            _ring: ring,
            _record: record,
            _cq: cq,
        })
    }

    pub(super) fn object(&self) -> Rc<Qp> {
        self.driver.device.qp(Qpn(self.qpn)).expect("it exists")
    }

    fn state(&self) -> State {
        self.object().state.get()
    }

    fn modify(
        &self,
        opcode: u16,
        options: u32,
        change: impl FnOnce(&mut hw::Qpc),
    ) -> Result<Vec<u8>, Failed> {
        let mut input = hw::Rst2initQpIn::new();
        input
            .set_opcode(u32::from(opcode))
            .set_qpn(self.qpn)
            .set_opt_param_mask(options);
        *input.qpc_mut() = self.context;
        change(input.qpc_mut());
        self.driver.command(&input.as_bytes()[..], 16)
    }

    fn init(&self) -> Result<Vec<u8>, Failed> {
        self.modify(op::RST2INIT_QP, 0, |context| {
            context.set_rwe(1).primary_address_path_mut().set_vhca_port_num(1);
        })
    }

    fn ready_to_receive(&self, options: u32, change: impl FnOnce(&mut hw::Qpc)) -> Result<Vec<u8>, Failed> {
        self.modify(op::INIT2RTR_QP, options, |context| {
            context
                .set_mtu(3)
                .set_log_msg_max(30)
                .set_remote_qpn(0x1234)
                .set_next_rcv_psn(0x77);
            context.set_log_rra_max(4).set_min_rnr_nak(12).set_rre(1);
            let path = context.primary_address_path_mut();
            path.set_vhca_port_num(1)
                .set_hop_limit(64)
                .set_udp_sport(0xc123)
                .set_rmac_31_0(0x0203_0405);
            path.set_rgid_rip(&GID);
            change(context);
        })
    }

    fn ready_to_send(&self) -> Result<Vec<u8>, Failed> {
        self.modify(op::RTR2RTS_QP, 0, |context| {
            context
                .set_next_send_psn(0x99)
                .set_retry_count(7)
                .set_rnr_retry(6)
                .set_log_sra_max(2);
            context.primary_address_path_mut().set_ack_timeout(14);
        })
    }

    fn plain(&self, opcode: u16) -> Result<Vec<u8>, Failed> {
        self.driver.short(opcode, 0, [self.qpn, 0])
    }
}

const GID: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];

/// `roce_en`, and GID 0; the driver chooses UDP source ports if the capability was set, else the device does.
fn enable_roce(driver: &Driver) {
    driver.set_roce(true).expect("MODIFY_NIC_VPORT_CONTEXT");
    driver.set_gid(0, &GID, MAC).expect("SET_ROCE_ADDRESS");
}

#[test]
fn a_reliable_connection_goes_all_the_way() {
    ready(1, |driver| {
        enable_roce(driver);
        let pair = Pair::new(driver);
        assert_eq!(pair.state(), State::Reset);
        pair.init().expect("RST2INIT");
        // RRE is bit 1.
        pair.ready_to_receive(1 << 1, |_| ()).expect("INIT2RTR");
        pair.ready_to_send().expect("RTR2RTS");
        let qp = pair.object();
        let attributes = qp.attributes.borrow();
        assert_eq!(qp.state.get(), State::ReadyToSend);
        assert_eq!(attributes.service, Service::ReliableConnection);
        assert_eq!(
            (attributes.mtu, attributes.max_served, attributes.max_initiated),
            (1024, 16, 4)
        );
        assert_eq!(
            (attributes.next_receive_psn, attributes.next_send_psn),
            (0x77, 0x99)
        );
        assert_eq!(
            (attributes.remote_qpn, attributes.path.remote_gid),
            (Qpn(0x1234), GID)
        );
        assert!(attributes.remote_read && attributes.remote_write && !attributes.remote_atomic);
        assert_eq!(
            (
                attributes.path.ack_timeout,
                attributes.retry_count,
                attributes.rnr_retry
            ),
            (14, 7, 6)
        );
        assert!(attributes.path.udp_source_port >= 0xc000, "chosen by the device");
        let out = driver
            .command(&header(op::QUERY_QP, 0, [pair.qpn, 0]), 0x118)
            .expect("QUERY_QP");
        assert_eq!(out[0x18] >> 4, 3);
    });
}

#[test]
fn optional_attributes_count_only_with_their_bit() {
    ready(2, |driver| {
        enable_roce(driver);
        let pair = Pair::new(driver);
        pair.init().expect("RST2INIT");
        pair.ready_to_receive(0, |_| ()).expect("INIT2RTR");
        assert!(
            !pair.object().attributes.borrow().remote_read,
            "the bit was not given"
        );
        assert!(
            pair.object().attributes.borrow().remote_write,
            "kept from RST2INIT"
        );
        // Q_KEY is no option of a reliable connection.
        assert_eq!(pair.modify(op::RTR2RTS_QP, 1 << 5, |_| ()), Err(BAD_PARAMETER));
        pair.ready_to_send().expect("RTR2RTS");
        let rnr = |context: &mut hw::Qpc| {
            context.set_min_rnr_nak(30);
        };
        pair.modify(op::RTS2RTS_QP, 1 << 6, rnr).expect("RTS2RTS");
        assert_eq!(pair.object().attributes.borrow().min_rnr_nak, 30);
    });
}

#[test]
fn transitions_from_the_wrong_state_are_refused() {
    ready(3, |driver| {
        enable_roce(driver);
        let pair = Pair::new(driver);
        assert_eq!(pair.ready_to_receive(0, |_| ()), Err(BAD_QP_STATE));
        assert_eq!(pair.ready_to_send(), Err(BAD_QP_STATE));
        pair.init().expect("RST2INIT");
        assert_eq!(pair.init(), Err(BAD_QP_STATE));
        assert_eq!(pair.ready_to_send(), Err(BAD_QP_STATE));
        pair.plain(op::QP_2ERR_QP).expect("2ERR");
        assert_eq!(pair.state(), State::Error);
        assert_eq!(pair.init(), Err(BAD_QP_STATE), "only 2RST leads out");
        pair.plain(op::QP_2RST_QP).expect("2RST");
        pair.plain(op::QP_2RST_QP).expect("2RST again");
        pair.plain(op::QP_2ERR_QP).expect("2ERR from RESET");
        pair.plain(op::QP_2RST_QP).expect("2RST");
        pair.init().expect("RST2INIT");
    });
}

#[test]
fn the_path_is_checked() {
    ready(4, |driver| {
        let pair = Pair::new(driver);
        pair.init().expect("RST2INIT");
        assert_eq!(
            pair.ready_to_receive(0, |_| ()),
            Err(Failed::Status(0x09)),
            "RoCE is off"
        );
        enable_roce(driver);
        let refused = |change: fn(&mut hw::Qpc)| pair.ready_to_receive(0, change).err();
        assert_eq!(
            refused(|context| {
                context.primary_address_path_mut().set_src_addr_index(9);
            }),
            Some(BAD_RESOURCE)
        );
        assert_eq!(
            refused(|context| {
                context.primary_address_path_mut().set_hop_limit(0);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|context| {
                context.primary_address_path_mut().set_rmac_31_0(0);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|context| {
                context.primary_address_path_mut().set_pkey_index(1);
            }),
            Some(Failed::Status(0x0a))
        );
        assert_eq!(
            refused(|context| {
                context.set_mtu(6);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|context| {
                context.set_log_rra_max(5);
            }),
            Some(Failed::Status(0x08))
        );
        assert_eq!(
            refused(|context| {
                context.primary_address_path_mut().set_stat_rate(3);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(pair.state(), State::Init, "a refusal changes nothing");
        pair.ready_to_receive(0, |_| ()).expect("INIT2RTR");
    });
}

#[test]
fn creation_checks_what_is_named() {
    ready(5, |driver| {
        let refused = |change: fn(&mut hw::CreateQpIn)| Pair::with(driver, change).map(|pair| pair.qpn).err();
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_pd(0x0066_6666);
            }),
            Some(BAD_RESOURCE)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_cqn_snd(0x0066_6666);
            }),
            Some(BAD_RESOURCE)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_uar_page(0x1ff0);
            }),
            Some(BAD_RESOURCE)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_rq_type(1);
            }),
            Some(BAD_RESOURCE),
            "no shared queues"
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_counter_set_id(3);
            }),
            Some(BAD_RESOURCE)
        );
    });
}

#[test]
fn creation_checks_fields_and_sizes() {
    ready(5, |driver| {
        let refused = |change: fn(&mut hw::CreateQpIn)| Pair::with(driver, change).map(|pair| pair.qpn).err();
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_dbr_addr(0);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_st(5);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_cs_req(0x11);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_log_rq_size(0).set_log_rq_stride(0);
            }),
            Some(BAD_PARAMETER)
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_log_rq_stride(6);
            }),
            Some(Failed::Status(0x08))
        );
        assert_eq!(
            refused(|input| {
                input.qpc_mut().set_log_sq_size(10);
            }),
            Some(Failed::Status(0x50))
        );
        assert_eq!(
            refused(|input| input.qpc_mut().as_bytes_mut()[0x78] = 1),
            Some(BAD_PARAMETER)
        );
    });
}

#[test]
fn the_management_queue_pair_is_one_and_takes_a_q_key() {
    ready(6, |driver| {
        let make = || {
            Pair::with(driver, |input| {
                input.qpc_mut().set_st(8);
            })
        };
        let pair = make().expect("CREATE_QP");
        assert_eq!(pair.qpn, 1);
        assert_eq!(make().map(|pair| pair.qpn), Err(Failed::Status(0x08)));
        pair.modify(op::RST2INIT_QP, 0, |context| {
            context
                .set_q_key(0x8001_0000)
                .primary_address_path_mut()
                .set_vhca_port_num(1);
        })
        .expect("RST2INIT");
        pair.modify(op::INIT2RTR_QP, 0, |context| {
            context.set_mtu(1).set_log_msg_max(8);
        })
        .expect("INIT2RTR needs no path");
        pair.modify(op::RTR2RTS_QP, 0, |context| {
            context.set_next_send_psn(5);
        })
        .expect("RTR2RTS");
        assert_eq!(pair.object().attributes.borrow().q_key, 0x8001_0000);
        assert_eq!(pair.object().attributes.borrow().service, Service::Management);
    });
}

#[test]
fn what_a_queue_pair_uses_is_busy() {
    ready(7, |driver| {
        let pair = Pair::new(driver);
        let busy = Err(Failed::Status(0x06));
        assert_eq!(driver.short(op::DESTROY_CQ, 0, [pair.cqn, 0]), busy);
        assert_eq!(driver.short(op::DEALLOC_PD, 0, [pair.pd, 0]), busy);
        assert_eq!(driver.short(op::DEALLOC_UAR, 0, [driver.uar.get(), 0]), busy);
        pair.plain(op::DESTROY_QP).expect("DESTROY_QP");
        assert_eq!(pair.plain(op::DESTROY_QP), Err(BAD_RESOURCE));
        driver
            .short(op::DESTROY_CQ, 0, [pair.cqn, 0])
            .expect("DESTROY_CQ");
        driver.short(op::DEALLOC_PD, 0, [pair.pd, 0]).expect("DEALLOC_PD");
    });
}

/// connectx.md section 8: the overflow of a completion queue is the end of its queue pairs.
#[test]
fn a_completion_queue_that_overflows_takes_its_queue_pairs_along() {
    use connectx_model::{CqeKind, CqeSpec, Cqn};
    ready(8, |driver| {
        driver.device.allow_overruns();
        let pair = Pair::new(driver);
        pair.init().expect("RST2INIT");
        let kind = CqeKind::Requester {
            wqe_opcode: 0,
            byte_count: 0,
        };
        let spec = CqeSpec {
            qpn: Qpn(pair.qpn),
            user_index: 0,
            wqe_counter: 0,
            solicited: false,
            kind,
        };
        while driver.device.post_cqe(Cqn(pair.cqn), &spec).is_ok() {}
        assert_eq!(pair.state(), State::Error);
    });
}
