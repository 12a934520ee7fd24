//! Simulated netio.sys: addresses, routes and neighbours of each host.
//!
//! ```text
//! let id = netio::add_interface(host, mac, link);        // link: number of the broadcast domain
//! netio::add_address(id, "10.0.0.1".parse()?, 24);       // IPv4 or IPv6; callbacks of NotifyUnicastIpAddressChange run
//! netio::remove_address(id, address);
//! netio::add_route(id, Route { destination, prefix, next_hop, metric });
//! netio::set_connected(id, bool);                        // carrier, as link state tells
//! ```
