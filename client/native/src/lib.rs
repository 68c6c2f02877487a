//! A client of moim for programs: rooms and peer connections on Tokio.
//!
//! - [`Room`]: join a room of a moim server, see who is there, publish and receive tracks, write and read chat. To the others, who may
//!   be in browsers with the web app, it is a participant like any other.
//! - [`Connection`]: one peer connection on sockets of its own, for programs with signalling of their own:
//!   [`moim_peer::PeerConnection`], driven.
//! - [`TrackSource`] and [`play`]: the generated picture and tone, or files, paced by their timestamps. [`Recorder`]: what comes, to files
//!   that players play.
//! - [`SignalSession`]: signalling alone.
//! - [`probe()`]: how far a server can be reached, step by step.
//!
//! ```no_run
//! use moim_native::{JoinOptions, Room, RoomEvent};
//!
//! # async fn example() -> Result<(), moim_native::Error> {
//! let mut room = Room::join(JoinOptions::new("https://meet.example.org/r/tea".parse()?, "Robot")).await?;
//! while let Some(event) = room.next_event().await {
//!     match event {
//!         RoomEvent::TrackPublished(mut track) => {
//!             tokio::spawn(async move {
//!                 while let Some(frame) = track.next_frame().await {
//!                     println!("{} bytes of {:?}", frame.data.len(), frame.codec);
//!                 }
//!             });
//!         }
//!         RoomEvent::Chat(line) => room.chat(&format!("{}, you said: {}", line.name, line.text), None).await?,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # How it runs
//! A room is a task, and so is each connection to a participant, and the session with the server. They talk by bounded channels. A
//! connection's task owns its sockets and its [`moim_peer::PeerConnection`]; it handles so many packets in a row, and then others have
//! their turn. Frames of a track that nobody reads are dropped and counted; frames that a peer has no room for are left out up to the next
//! key frame, which is asked for. Events of a room are not dropped: an application that does not read them makes the room wait, and when some
//! hundreds wait, the session ends.
//!
//! What happens is logged by `tracing`: without addresses and names from INFO up, and never with tokens or keys.

mod connection;
mod error;
mod media;
mod probe;
mod room;
mod signal;
mod stream;
mod tls;
mod url;

pub use connection::{
    Connection, ConnectionEvent, ConnectionOptions, IceServers, NetworkCounters, NetworkOptions,
    ReceivedFrame, certificate,
};
pub use error::{Error, JoinStep, SignalError};
pub use media::{
    Codec, ENCODINGS_MAX, EncodedFrame, LocalTrack, Recorder, RecorderOptions, Recording, RemoteFrame,
    RemoteTrack, SourceFrame, TrackCounts, TrackSource, clock_rate, kind_of, play,
};
pub use probe::{Step, StepName, StepOutcome, probe};
pub use room::{ChatLine, JoinOptions, PeerStats, Room, RoomEvent, RoomState};
pub use signal::{SessionEvent, SignalSender, SignalSession};
pub use tls::{Trust, TrustError};
pub use url::{RoomUrl, ServerUrl, UrlError};
