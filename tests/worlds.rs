//! Worlds of other shapes than two hosts and a link: more hosts on a switch, more adapters in a host, other chips.

use cxndk_testbed::connectx::Generation;
use cxndk_testbed::consumers::node::{LIMITS, Pair};
use cxndk_testbed::wire::SwitchConfig;
use cxndk_testbed::world::{AdapterPlan, HostPlan, Machine, World, WorldError};

/// A message there and a write back.
fn talk(pair: &Pair, text: &[u8]) {
    let length = text.len();
    pair.b.receive(1, 0..length).expect("it is posted");
    pair.a.put(text);
    pair.a.send(2, 0..length, 0).expect("it is posted");
    assert_eq!(pair.a.result().status.0, 0);
    assert_eq!(pair.b.result().bytes as usize, length);
    assert_eq!(pair.b.bytes(0..length), text);
    pair.b
        .write(3, 0..length, pair.a.remote(4096), 0)
        .expect("it is posted");
    assert_eq!(pair.b.result().status.0, 0);
    assert_eq!(pair.a.bytes(4096..4096 + length), text);
}

#[test]
fn every_host_of_a_switch_reaches_every_other() {
    World::new(4).hosts(4).play(|world| {
        let hosts = &world.hosts;
        for from in 0..4 {
            for to in (0..4).filter(|to| *to != from) {
                let pair = Pair::between((&hosts[from], 0), (&hosts[to], 0), 445, LIMITS);
                let pair = pair.unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
                talk(&pair, format!("{from} to {to}").as_bytes());
                pair.close().expect("all closes");
            }
        }
        let switch = world.switch.as_ref().expect("there is a switch");
        let counters = switch.counters();
        assert!(counters.forwarded > 100, "{counters:?}");
        assert_eq!(counters.dropped, 0);
    });
}

/// One driver serves both adapters of a host; each has its own link and addresses.
#[test]
fn a_host_has_two_adapters() {
    let two = |host: HostPlan| host.adapter(AdapterPlan::new(Generation::ConnectX7));
    World::new(6).everywhere(two).play(|world| {
        let [a, b] = [&world.hosts[0], &world.hosts[1]];
        assert_eq!((a.nics.len(), world.links.len()), (2, 2));
        let first = Pair::between((a, 0), (b, 0), 445, LIMITS).expect("they connect");
        let second = Pair::between((a, 1), (b, 1), 445, LIMITS).expect("they connect");
        talk(&first, b"by the first");
        talk(&second, b"by the second");
        let sent = world.links.iter().map(|link| link.port(0).counters().sent_frames);
        assert!(
            sent.clone().all(|frames| frames > 3),
            "{:?}",
            sent.collect::<Vec<_>>()
        );
        first.close().expect("all closes");
        second.close().expect("all closes");
    });
}

/// The INF and the driver know every chip that the model can be.
#[test]
fn every_generation_runs() {
    for (seed, generation) in (10..).zip(Generation::ALL) {
        let other = |host: HostPlan| HostPlan {
            adapters: vec![AdapterPlan::new(generation)],
            ..host
        };
        World::new(seed).on(1, other).play(|world| {
            let mut id = [0; 4];
            world.hosts[1].function.config_read(0, &mut id);
            assert_eq!(u16::from_le_bytes([id[2], id[3]]), generation.device_id());
            let pair = Pair::connect(world, 445).expect("they connect");
            talk(&pair, generation.name().as_bytes());
            pair.close().expect("all closes");
        });
    }
}

#[test]
fn hosts_differ_in_machine_and_keywords() {
    let big = Machine {
        processors: 96,
        group: 48,
        spreads_messages: true,
    };
    let plan = World::new(2).on(1, |host| {
        let host = HostPlan { machine: big, ..host };
        host.plain().keyword("*JumboPacket", "4088")
    });
    let mtus = plan.play(|world| [0, 1].map(|host| world.hosts[host].device.port_mtu()));
    assert!(mtus[0] > mtus[1] && mtus[1] > 4000, "{mtus:?}");
}

#[test]
fn a_plan_that_is_no_world_is_refused_by_name() {
    let no_world = |plan: cxndk_testbed::world::WorldPlan| match plan.run(|_| ()) {
        Err(WorldError::Plan(problem)) => problem,
        other => panic!("{other:?}"),
    };
    let mut nobody = World::new(1);
    nobody.hosts.clear();
    assert_eq!(no_world(nobody), "a world needs a host");
    let bare = |host: HostPlan| HostPlan {
        adapters: Vec::new(),
        ..host
    };
    assert_eq!(no_world(World::new(1).on(0, bare)), "a host needs an adapter");
    let one_more = |host: HostPlan| host.adapter(AdapterPlan::default());
    let uneven = World::new(1).on(0, one_more);
    assert!(no_world(uneven.clone()).starts_with("without a switch"));
    assert!(uneven.switch(SwitchConfig::default()).run(|_| ()).is_ok());
}
