use crate::dcep::Reliability;

/// A channel of a connection. Not a stream: those are used again, this is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataChannelId(pub u32);

/// What a channel is to be, in the words of W3C's `RTCDataChannelInit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelInit {
    /// The application's name for it.
    pub label: String,
    /// What is spoken in it.
    pub protocol: String,
    /// Messages arrive in their order.
    pub ordered: bool,
    /// How hard they are tried to be delivered.
    pub reliability: Reliability,
    /// The stream that both sides have agreed on by other means. [`None`]: the other side is told by message.
    pub negotiated: Option<u16>,
    /// How much it matters beside others (RFC 8831 §6.4): 128 very low, 256 low, 512 medium, 1,024 high.
    pub priority: u16,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            negotiated: None,
            priority: 256,
        }
    }
}

/// How far a channel is, in W3C's words. One that is closed is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataChannelState {
    /// There is no association yet.
    Connecting,
    /// Messages can be sent.
    Open,
    /// What was sent is being delivered, and nothing more can be sent.
    Closing,
}

impl DataChannelState {
    /// W3C's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
        }
    }
}

/// A message of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataMessage {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// What happens with channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataChannelEvent {
    /// The other side has made a channel. [`Self::Open`] follows.
    Added(DataChannelId),
    /// Messages can be sent.
    Open(DataChannelId),
    /// A message came.
    Message(DataChannelId, DataMessage),
    /// No more than the threshold is waiting to be delivered.
    BufferedAmountLow(DataChannelId),
    /// The channel is over.
    Closed(DataChannelId),
}

/// Why a channel cannot be made, or a message not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataChannelError {
    /// There are [`CHANNELS_MAX`](super::CHANNELS_MAX) already, or all streams are in use.
    #[error("there are too many data channels")]
    TooMany,
    /// The label or the protocol is longer than [`LABEL_LEN_MAX`](super::LABEL_LEN_MAX).
    #[error("the label or the protocol is too long")]
    LabelTooLong,
    /// The stream that was agreed on is in use, or cannot be used.
    #[error("the stream is in use already, or is none")]
    Stream,
    /// There is no such channel, or it is over.
    #[error("there is no such data channel")]
    Unknown,
    /// It is not open (yet, or any more).
    #[error("the data channel is not open")]
    NotOpen,
    /// The message is longer than the other side takes.
    #[error("the message is longer than the {max} bytes that the other side takes")]
    TooLong {
        /// The longest it takes, in bytes.
        max: u32,
    },
    /// Too much is waiting to be delivered: try again after [`DataChannelEvent::BufferedAmountLow`].
    #[error("too much is waiting to be delivered")]
    BufferFull,
}

/// What a channel has done, counted, in the words of W3C's `RTCDataChannelStats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataChannelCounters {
    /// `messagesSent`.
    pub messages_sent: u64,
    /// `bytesSent`.
    pub bytes_sent: u64,
    /// `messagesReceived`.
    pub messages_received: u64,
    /// `bytesReceived`.
    pub bytes_received: u64,
}

/// A channel, to look at.
#[derive(Debug)]
pub struct DataChannel {
    pub(super) init: DataChannelInit,
    pub(super) stream: Option<u16>,
    pub(super) state: DataChannelState,
    /// The other side may not know of it yet: what it is sent goes in order (RFC 8832 §6).
    pub(super) awaits_ack: bool,
    pub(super) low_threshold: usize,
    pub(super) counters: DataChannelCounters,
}

impl DataChannel {
    /// What it was made to be.
    pub fn init(&self) -> &DataChannelInit {
        &self.init
    }

    /// The stream it has, once it has one: W3C's `id`.
    pub fn stream(&self) -> Option<u16> {
        self.stream
    }

    /// How far it is.
    pub fn state(&self) -> DataChannelState {
        self.state
    }

    /// What it has done.
    pub fn counters(&self) -> DataChannelCounters {
        self.counters
    }
}
