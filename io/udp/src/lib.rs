//! UDP in batches, for threads that share nothing. Linux only: so are `recvmmsg`, `UDP_GRO` and `UDP_SEGMENT`, which it lives by.
//!
//! A [`Socket`] never blocks; a [`Poller`] tells when there is something to do, and a [`Waker`] lets other threads interrupt it.
//! What has arrived is taken in **trains** ([`RecvBatch`]): the kernel joins packets of one sender that came back to
//! back. What is to be sent is pushed into a [`SendQueue`] as scatter lists, which joins packets of one destination and length to
//! **runs** again. Between the two, nothing is copied and nothing allocated.
//!
//! A reply that names the address its request was sent to as its source leaves from it, whichever of the host's addresses
//! routing would have taken. Without that, a client of a host with several addresses gets its answer from a stranger, and its
//! NAT or firewall drops it.
//!
//! A peer that cannot be reached is a peer's problem: what the operating system says about one destination is a count
//! ([`SendDrop`]) and, for who wants to know, a [`PeerError`]; never an error of the socket, and no reason to keep the rest of a
//! batch from being sent.

mod control;
mod name;
mod poll;
mod probe;
mod recv;
mod send;
mod send_drop;
mod socket;
mod sys;

pub use poll::{Interest, Poller, Ready, Waker};
pub use probe::{Capabilities, probe};
pub use recv::{RECV_SLOTS, RecvBatch, Train, TrainMut};
pub use send::{Destination, RUN_LEN_MAX, RUN_SEGMENTS_MAX, SendBuffers, SendCounters, SendQueue};
pub use send_drop::SendDrop;
pub use socket::{PeerError, Socket, SocketOptions};
