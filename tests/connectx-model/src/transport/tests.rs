//! The engine between two simple hosts and a wire that does what the test wants. Each test names the section that it
//! proves.

mod chaos;
mod crowd;
mod datagrams;
mod duplicates;
mod messages;
mod node;
mod post;
mod refusals;
mod retries;
mod wire;
mod work;
