//! WSK clients, good and wrong.

use super::*;

const DISPATCH: ClientDispatch = ClientDispatch {
    version: VERSION,
    reserved: 0,
    event: ptr::null(),
};

/// A client in a thread of a host: registered, the provider captured if `captures`.
fn run(captures: bool, body: fn(*mut Registration, &ProviderNpi)) -> Result<(), sim::Failure> {
    sim::run(1, || {
        let host = nt::add_host("host", 1);
        nt::on_host(host, "client", move || {
            let registration: *mut Registration = Box::leak(Box::new(Registration {
                state: 0,
                context: ptr::null_mut(),
                lock: 0,
            }));
            let npi = ClientNpi {
                context: ptr::null_mut(),
                dispatch: Box::leak(Box::new(DISPATCH)),
            };
            // SAFETY: both live to the end of the run.
            let status = unsafe { WskRegister(Box::leak(Box::new(npi)), registration) };
            assert_eq!(status, STATUS_SUCCESS);
            let mut provider = ProviderNpi {
                client: ptr::null_mut(),
                dispatch: ptr::null(),
            };
            if captures {
                // SAFETY: registered just now.
                let status = unsafe { WskCaptureProviderNPI(registration, 1, &raw mut provider) };
                assert_eq!(status, STATUS_SUCCESS);
            }
            body(registration, &provider);
        });
    })
}

fn caught(captures: bool, body: fn(*mut Registration, &ProviderNpi)) -> String {
    let failure = run(captures, body).expect_err("a violation");
    assert_eq!(failure.rule, WSK, "{failure}");
    failure.message
}

fn release(registration: *mut Registration) {
    // SAFETY: `run` registered it.
    unsafe { WskReleaseProviderNPI(registration) }
}

fn deregister(registration: *mut Registration) {
    // SAFETY: `run` registered it.
    unsafe { WskDeregister(registration) }
}

#[test]
fn a_client_finds_the_ndk_dispatch() {
    run(true, |registration, provider| {
        // SAFETY: the provider is captured.
        let control = unsafe { (*provider.dispatch).control_client };
        let mut dispatch = NdkDispatch {
            open: open_ndk_adapter,
            close: close_ndk_adapter,
        };
        let mut ask = |code, size| {
            let output = &raw mut dispatch;
            // SAFETY: the buffer has the size of the dispatch.
            unsafe {
                control(
                    provider.client,
                    code,
                    0,
                    ptr::null_mut(),
                    size,
                    output,
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            }
        };
        assert_eq!(ask(GET_NDK_DISPATCH, 16), STATUS_SUCCESS);
        assert_eq!(ask(GET_NDK_DISPATCH, 15), STATUS_BUFFER_TOO_SMALL);
        assert_eq!(ask(1, 16), STATUS_INVALID_PARAMETER);
        let version = NDK_VERSION { Major: 2, Minor: 0 };
        let mut adapter = ptr::null_mut();
        // SAFETY: the client is registered; the place is one.
        let status = unsafe { (dispatch.open)(provider.client, version, 77, &raw mut adapter) };
        assert_eq!(status, STATUS_NOT_FOUND, "no such interface");
        release(registration);
        deregister(registration);
        assert_eq!(wsk_clients(nt::host()), 0);
    })
    .expect("no rule is broken");
}

#[test]
fn a_client_of_another_version_is_refused() {
    sim::run(1, || {
        let host = nt::add_host("host", 1);
        nt::on_host(host, "client", || {
            let dispatch = ClientDispatch {
                version: 0x0200,
                ..DISPATCH
            };
            let npi = ClientNpi {
                context: ptr::null_mut(),
                dispatch: &raw const dispatch,
            };
            let mut registration = Registration {
                state: 0,
                context: ptr::null_mut(),
                lock: 0,
            };
            // SAFETY: both live until it returned.
            let status = unsafe { WskRegister(&raw const npi, &raw mut registration) };
            assert_eq!(status, STATUS_NOINTERFACE);
        });
    })
    .expect("no rule is broken");
}

#[test]
fn a_client_that_deregisters_with_a_captured_provider_is_caught() {
    assert!(caught(true, |registration, _| deregister(registration)).contains("captured"));
}

#[test]
fn a_client_that_releases_what_it_did_not_capture_is_caught() {
    assert!(caught(false, |registration, _| release(registration)).contains("not captured"));
}

#[test]
fn a_client_that_deregisters_twice_is_caught() {
    let message = caught(false, |registration, _| {
        deregister(registration);
        deregister(registration);
    });
    assert!(message.contains("not registered"), "{message}");
}

#[test]
fn a_client_that_closes_what_it_did_not_open_is_caught() {
    let message = caught(true, |_, provider| {
        // SAFETY: the adapter is looked for, not at.
        unsafe { close_ndk_adapter(provider.client, ptr::dangling_mut()) };
    });
    assert!(message.contains("did not open"), "{message}");
}

/// VRF-32: registration and adapters are for PASSIVE_LEVEL.
#[test]
fn calls_at_the_wrong_level_are_caught() {
    let failure = run(true, |registration, _| {
        sim::set_irql(2);
        deregister(registration);
    });
    assert_eq!(failure.expect_err("a violation").rule, "VRF-32");
}
