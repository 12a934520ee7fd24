//! The ConnectX device (mlx5 family): everything between its registers and typed objects.
//!
//! | module | what lives there |
//! |---|---|
//! | [`layout`] | what the device reads and writes, bit by bit |
//! | [`types`], [`error`] | typed numbers; what can go wrong, steps of bring-up |
//! | [`platform`] | what the adapter gives: BAR, DMA memory, work items, and where news go |
//! | [`init_segment`], [`health`], `fatal` | registers: readiness, fatal errors |
//! | [`command`], [`commands`] | the command queue; one type per command |
//! | [`pages`] | memory that the firmware lives in |
//! | [`caps`], [`port`], [`gids`] | capabilities; port and vport; `RoCE` addresses |
//! | `eq`, `queues`, `completions`, [`events`], `target` | event queues and where their events go |
//! | [`device`], `bring_up` | one function of the device, its whole life |
//! | [`uar`], [`pd`], [`mkey`], [`cq`], [`qp`], `qp_attributes` | objects |
//! | [`wqe`], [`send_queue`], [`receive_queue`] | work requests |
//! | [`ether`] | Ethernet queues and flow tables |
//!
//! Facts come from the project's connectx interface page ("connectx interface, section n").

mod bring_up;
pub mod caps;
pub mod command;
pub mod commands;
mod completions;
pub mod cq;
pub mod device;
mod eq;
pub mod error;
pub mod ether;
pub mod events;
mod fatal;
pub mod gids;
pub mod health;
pub mod init_segment;
pub mod layout;
mod messages;
pub mod mkey;
mod numbers;
pub mod pages;
pub mod pd;
pub mod platform;
pub mod port;
pub mod qp;
mod qp_attributes;
mod quarantine;
mod queues;
pub mod receive_queue;
pub mod send_queue;
mod target;
pub mod types;
pub mod uar;
pub mod wqe;

pub use self::{
    cq::{ArmKind, Cq, CqParams, Cqe, CqeOpcode, CqeSyndrome},
    device::Device,
    error::{BringUpError, HwError, Lie, Step},
    fatal::Fatal,
    gids::GidKey,
    messages::{Messages, Processors},
    mkey::{Access, Mkey},
    pd::Pd,
    platform::{DeviceEvents, Platform},
    port::{PortState, Speed},
    qp::{End, Qp, QpParams},
    qp_attributes::{QpKind, ReadyToReceive, ReadyToSend},
    receive_queue::ReceiveQueue,
    send_queue::{
        Completed, FastRegister, MAX_READ_SGES, PostError, PostFlags, Posted, SendQueue, Sge, UdAddress,
        WqeKind,
    },
    target::{CompletionTarget, CqFault, QpEvent, QpTarget},
    types::{Cqn, FlowTableId, Gid, GidIndex, Key, Mac, Moderation, Mtu, Pdn, Psn, Qpn, Rqn, Rqtn, Tirn},
};
