//! What runs on the hosts of a world.

mod echo;
mod gateway;
mod lines;
mod prober;
mod program;
mod relay;

pub use echo::{Echo, Received};
pub use gateway::{GATEWAY_PORT, GatewayConfig, GatewayNode, RelayTransport};
pub(crate) use lines::Lines;
pub use prober::Prober;
pub use program::Program;
pub use relay::{RelayConfig, RelayNode, SECRET, Violation, credential};
