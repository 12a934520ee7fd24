//! NDK objects as consumers see them: versions, limits, tables, refusals.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use std::ptr;

use cxndk::sys::ndis::NDK_ADAPTER_INFO;
use cxndk::sys::ndkpi::{
    NDK_EXTENSION_INTERFACE, NDK_OBJECT_HEADER, NDK_SRQ, NdkObjectTypeAdapter, NdkObjectTypeConnector,
    NdkObjectTypeCq, NdkObjectTypeListener, NdkObjectTypeMr, NdkObjectTypePd, NdkObjectTypeQp, NdkRoCEv2,
};
use cxndk_testbed::consumers::ndk::{Adapter, QpLimits, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::world::World;
use support::{QUEUES, Side, with_adapter};

/// Proves ADAPTER-04, ADAPTER-05, ADAPTER-08, ADAPTER-09, LIFE-02, VERSION-08.
#[test]
fn an_open_grants_the_highest_minor_of_the_major_that_was_asked_for() {
    /// `NDIS_STATUS_BAD_VERSION`.
    const BAD_VERSION: i32 = 0xc001_0004_u32 as i32;
    World::new(1).play(|world| {
        let adapter = &world.hosts[0].adapter;
        for (asked, granted) in [((1, 1), (1, 2)), ((1, 2), (1, 2)), ((2, 0), (2, 0))] {
            let open = adapter.open_ndk(asked.0, asked.1).expect("granted");
            assert_eq!(open.version(), granted);
            let (raw, host) = (open.as_ptr(), world.hosts[0].id);
            on(host, "consumer", move || {
                let adapter = Adapter::from_raw(raw);
                let version = |header: *mut NDK_OBJECT_HEADER| {
                    // SAFETY: a live object.
                    let version = unsafe { (*header).Version };
                    (version.Major, version.Minor)
                };
                let info = adapter.info().expect("info");
                assert_eq!((info.Version.Major, info.Version.Minor), granted);
                let pd = adapter.create_pd().expect("a domain");
                assert_eq!(version(pd.header()), granted);
                pd.close_and_wait().expect("closes");
            });
            open.close();
        }
        for (major, minor) in [(0, 1), (1, 3), (2, 1), (3, 0)] {
            assert_eq!(
                adapter.open_ndk(major, minor).err(),
                Some(BAD_VERSION),
                "{major}.{minor}"
            );
        }
    });
}

/// Proves LIFE-01, LIFE-03.
#[test]
fn every_object_says_what_it_is() {
    with_adapter(2, |adapter| {
        let kind = |header: *mut NDK_OBJECT_HEADER| {
            // SAFETY: a live object.
            unsafe { (*header).ObjectType }
        };
        let side = Side::new(adapter, QUEUES);
        let connector = adapter.create_connector().expect("a connector");
        let listener = adapter
            .create_listener(None, ptr::null_mut())
            .expect("a listener");
        assert_eq!(kind(adapter.header()), NdkObjectTypeAdapter);
        assert_eq!(kind(side.cq.header()), NdkObjectTypeCq);
        assert_eq!(kind(side.pd.header()), NdkObjectTypePd);
        assert_eq!(kind(side.qp.header()), NdkObjectTypeQp);
        assert_eq!(kind(side.mr.header()), NdkObjectTypeMr);
        assert_eq!(kind(connector.header()), NdkObjectTypeConnector);
        assert_eq!(kind(listener.header()), NdkObjectTypeListener);
        connector.close_and_wait().expect("closes");
        listener.close_and_wait().expect("closes");
        side.close();
    });
}

/// Proves ADAPTER-12, ADAPTER-14, VERSION-06, MR-21, SRQ-01.
#[test]
fn the_adapter_tells_its_limits() {
    with_adapter(3, |adapter| {
        // SAFETY: an open adapter.
        let query = unsafe { (*(*adapter.raw()).Dispatch).NdkQueryAdapterInfo }.expect("filled");
        let mut size = 0;
        // SAFETY: no buffer: asks for the size.
        let status = unsafe { query(adapter.raw(), ptr::null_mut(), &raw mut size) };
        assert_eq!(
            (Status(status), size as usize),
            (Status::BUFFER_TOO_SMALL, size_of::<NDK_ADAPTER_INFO>())
        );
        let info = adapter.info().expect("info");
        assert_eq!(info.RdmaTechnology, NdkRoCEv2);
        assert_eq!((info.MaxCallerData, info.MaxCalleeData), (56, 148));
        assert_eq!((info.MaxSrqDepth, info.MaxWindowSize), (0, 0));
        assert!(info.FRMRPageCount >= 16 && info.MaxTransferLength >= 1 << 20);
    });
}

/// Proves CREATE-13, CREATE-15, CREATE-17, CREATE-04.
#[test]
fn a_queue_pair_beyond_the_limits_is_refused() {
    with_adapter(4, |adapter| {
        let info = adapter.info().expect("info");
        let pd = adapter.create_pd().expect("a domain");
        let cqs = [(); 2].map(|()| adapter.create_cq(64, None, ptr::null_mut()).expect("a queue"));
        let beyond = [
            QpLimits {
                receive_depth: info.MaxReceiveQueueDepth + 1,
                ..QUEUES
            },
            QpLimits {
                initiator_depth: info.MaxInitiatorQueueDepth + 1,
                ..QUEUES
            },
            QpLimits {
                receive_sge: info.MaxReceiveRequestSge + 1,
                ..QUEUES
            },
            QpLimits {
                initiator_sge: info.MaxInitiatorRequestSge + 1,
                ..QUEUES
            },
            QpLimits {
                inline_data: info.MaxInlineDataSize + 1,
                ..QUEUES
            },
        ];
        for limits in beyond {
            assert_eq!(
                pd.create_qp(cqs[0], cqs[1], 0, limits).err(),
                Some(Status::INVALID_PARAMETER)
            );
        }
        // The limits themselves, with one queue for each direction; and the least.
        let most = QpLimits {
            receive_depth: info.MaxReceiveQueueDepth,
            initiator_depth: info.MaxInitiatorQueueDepth,
            receive_sge: info.MaxReceiveRequestSge,
            initiator_sge: info.MaxInitiatorRequestSge,
            inline_data: info.MaxInlineDataSize,
        };
        let least = QpLimits {
            receive_depth: 0,
            initiator_depth: 0,
            receive_sge: 0,
            initiator_sge: 0,
            inline_data: 0,
        };
        for limits in [most, least] {
            let qp = pd.create_qp(cqs[0], cqs[1], 0, limits).expect("a queue pair");
            qp.close_and_wait().expect("closes");
        }
        // SAFETY: a live domain.
        let create_srq = unsafe { (*(*pd.raw()).Dispatch).NdkCreateSrq }.expect("filled");
        let mut srq = ptr::null_mut::<NDK_SRQ>();
        let (null, place) = (ptr::null_mut(), &raw mut srq);
        // SAFETY: the arguments are those of NdkCreateSrq.
        let status = unsafe { create_srq(pd.raw(), 1, 1, 0, None, null, ptr::null_mut(), None, null, place) };
        assert_eq!(Status(status), Status::INVALID_PARAMETER);
        for cq in cqs {
            cq.close_and_wait().expect("closes");
        }
        pd.close_and_wait().expect("closes");
    });
}

/// Proves ADAPTER-15.
#[test]
fn there_are_no_extensions() {
    with_adapter(5, |adapter| {
        let pd = adapter.create_pd().expect("a domain");
        // SAFETY: a live domain.
        let query = unsafe { (*(*pd.raw()).Dispatch).NdkQueryExtension }.expect("filled");
        let mut guid = wdk_standin::GUID {
            Data1: 1,
            Data2: 2,
            Data3: 3,
            Data4: [4; 8],
        };
        let mut extension = NDK_EXTENSION_INTERFACE {
            Dispatch: ptr::null(),
        };
        let version = adapter.info().expect("info").Version;
        // SAFETY: the arguments are those of NdkQueryExtension.
        let status = unsafe { query(pd.header(), &raw mut guid, version, &raw mut extension) };
        assert_eq!(Status(status), Status::NOT_SUPPORTED);
        pd.close_and_wait().expect("closes");
    });
}

/// Proves LIFE-51, LIFE-52: a window can be made and closed, though not bound.
#[test]
fn a_window_holds_its_domain() {
    with_adapter(6, |adapter| {
        let pd = adapter.create_pd().expect("a domain");
        // SAFETY: a live domain.
        let create = unsafe { (*(*pd.raw()).Dispatch).NdkCreateMw }.expect("filled");
        let mut raw = ptr::null_mut();
        // SAFETY: the arguments are those of NdkCreateMw.
        let status = unsafe { create(pd.raw(), None, ptr::null_mut(), &raw mut raw) };
        assert_eq!(Status(status), Status::SUCCESS);
        let mw = cxndk_testbed::consumers::ndk::Object::from_raw(raw);
        let closing = pd.close();
        assert!(closing.pended(), "the window holds its domain");
        mw.close_and_wait().expect("closes");
        closing.wait().expect("closes");
    });
}
