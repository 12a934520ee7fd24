//! Self-tests beside other clients, and peers that call what is not theirs.

use std::net::SocketAddr;

use cxndk::co::format::{Call, Flow, PrivateData};
use cxndk_testbed::consumers::condis::{CallClient, CoHandle, News};
use cxndk_testbed::sim;

use super::scene::{Scene, begin, plan, report};

/// The first port that a self-test tries.
const PORT: u16 = 40_000;
/// How long a scenario waits, in virtual nanoseconds.
const PATIENCE: u64 = 200 * sim::SECOND;

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = sim::now() + PATIENCE;
    while !condition() {
        assert!(sim::now() < end, "waited in vain: {what}");
        sim::sleep(10 * sim::MICROSECOND);
    }
}

fn call(local: SocketAddr, remote: SocketAddr) -> Call {
    Call {
        local,
        remote,
        message_size: 1500,
        send_depth: 8,
        receive_depth: 8,
        flow: Flow {
            transmit: 1500,
            receive: 1500,
        },
        private_data: PrivateData::new(b"a stranger's").expect("it is short"),
    }
}

fn close(client: CallClient, family: CoHandle) {
    client.close_family(family);
    until("closed", || client.news(family).contains(&News::FamilyClosed));
    client.deregister();
}

/// Proves INC-03, INC-09: calls of another host to the test's SAP are rejected, one after the other; the test does not mind.
#[test]
fn a_test_takes_no_call_of_a_stranger() {
    let mut refused = 0;
    for seed in 0..6 {
        let told = &mut refused;
        Scene::run(seed, move |scene| {
            let hosts = &scene.world.hosts;
            let stranger = CallClient::register(&hosts[1].adapter);
            let family = stranger.open_family();
            let vc = stranger.create_vc(family);
            let device = scene.open();
            let test = begin(&device, &plan(8, 100, 1500));
            while !test.is_done() {
                let before = stranger.news(vc).len();
                stranger.make_call(vc, call(hosts[1].at(0), hosts[0].at(PORT)), None);
                until("an answer", || stranger.news(vc).len() > before);
                let news = stranger.news(vc);
                assert!(
                    matches!(news.last(), Some(News::Made(status, _)) if *status < 0),
                    "{news:?}"
                );
                *told += 1;
            }
            let report = report(&test.wait().expect("a report"));
            assert_eq!(report.status, 0, "{report:x?}");
            device.close().expect("it closes");
            assert_eq!(stranger.delete_vc(vc), 0);
            close(stranger, family);
        });
    }
    assert!(refused > 40, "{refused} calls of strangers");
}

/// Proves SAP-02: another client of the adapter has the port that the test tries first, and stays.
#[test]
fn a_test_runs_beside_another_client() {
    Scene::run(9, |scene| {
        let host = &scene.world.hosts[0];
        let other = CallClient::register(&host.adapter);
        let family = other.open_family();
        let saps = [0, 1].map(|more| other.register_sap(family, host.at(PORT + more)));
        for sap in saps {
            until("the SAP", || other.news(sap) == [News::SapRegistered(0)]);
        }
        assert_eq!(scene.ask(&plan(2, 20, 500)).map(|report| report.status), Ok(0));
        assert!(other.incoming(family).is_empty());
        for sap in saps {
            other.deregister_sap(sap);
            until("it is gone", || other.news(sap).contains(&News::SapDeregistered));
        }
        close(other, family);
    });
}

/// Proves SAP-12: with all of its ports taken the test says so, and undoes what it did.
#[test]
fn a_test_without_a_port_says_so() {
    Scene::run(10, |scene| {
        let host = &scene.world.hosts[0];
        let other = CallClient::register(&host.adapter);
        let family = other.open_family();
        let saps: Vec<_> = (0..16)
            .map(|more| other.register_sap(family, host.at(PORT + more)))
            .collect();
        until("the SAPs", || {
            saps.iter()
                .all(|sap| other.news(*sap) == [News::SapRegistered(0)])
        });
        let report = scene.ask(&plan(1, 1, 1)).expect("a report");
        assert_eq!((report.step, report.status), (4, 0xc001_0015), "{report:x?}");
        saps.iter().for_each(|sap| other.deregister_sap(*sap));
        until("they are gone", || {
            saps.iter()
                .all(|sap| other.news(*sap).contains(&News::SapDeregistered))
        });
        assert_eq!(scene.ask(&plan(1, 1, 1)).map(|report| report.status), Ok(0));
        close(other, family);
    });
}
