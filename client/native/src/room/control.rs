//! What travels on the `reliable` data channel between two participants, version 1: control messages as JSON, and bytes of the
//! application on both of the channels. The other side is not trusted: whatever is not exactly as described here is dropped.

use serde::{Deserialize, Serialize};

/// The version of what is written here.
const VERSION: u8 = 1;
/// The longest control message, in bytes.
const CONTROL_LEN_MAX: usize = 65_536;
/// The longest id, in bytes.
const ID_LEN_MAX: usize = 64;

/// The data channels of every connection. Both sides make them under the same numbers, so that none has to be announced.
pub(super) const CHANNELS: [ChannelPlan; 3] = [
    ChannelPlan { id: 0, label: "reliable", is_ordered: true, retransmits_max: None },
    ChannelPlan { id: 1, label: "lossy", is_ordered: false, retransmits_max: Some(0) },
    ChannelPlan { id: 2, label: "files", is_ordered: true, retransmits_max: None },
];

/// How a channel is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelPlan {
    pub(super) id: u16,
    pub(super) label: &'static str,
    pub(super) is_ordered: bool,
    pub(super) retransmits_max: Option<u16>,
}

/// A message of the reliable channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum Control {
    /// A line of chat.
    Chat {
        /// Made by the sender.
        id: String,
        /// What it says.
        text: String,
        /// Whether it is for the receiver alone.
        #[serde(default)]
        private: bool,
    },
    /// A line of chat has arrived.
    ChatReceived {
        /// Which.
        id: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u8,
    #[serde(flatten)]
    message: T,
}

impl Control {
    /// As it is sent.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(&Versioned { v: VERSION, message: self })
            .expect("a structure of texts is always JSON")
    }

    /// Reads a message.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > CONTROL_LEN_MAX {
            return None;
        }
        let Versioned { v, message } = serde_json::from_str::<Versioned<Self>>(text).ok()?;
        let is_valid = match &message {
            Self::Chat { id, text, .. } => is_id(id) && !text.is_empty(),
            Self::ChatReceived { id } => is_id(id),
        };
        (v == VERSION && is_valid).then_some(message)
    }
}

fn is_id(id: &str) -> bool {
    (1..=ID_LEN_MAX).contains(&id.len())
}

#[cfg(test)]
mod tests {
    use super::Control;

    #[test]
    fn a_line_of_chat_is_written_as_the_web_client_reads_it() {
        let line = Control::Chat { id: "1".into(), text: "안녕".into(), private: false };

        assert_eq!(line.to_text(), r#"{"v":1,"type":"chat","id":"1","text":"안녕","private":false}"#);
        assert_eq!(Control::parse(&line.to_text()), Some(line));
    }

    #[test]
    fn what_is_no_message_is_nothing() {
        assert_eq!(Control::parse(r#"{"v":2,"type":"chatReceived","id":"1"}"#), None);
        assert_eq!(Control::parse(r#"{"v":1,"type":"chatReceived","id":""}"#), None);
        assert_eq!(Control::parse(r#"{"v":1,"type":"chat","id":"1","text":""}"#), None);
        assert_eq!(Control::parse(r#"{"v":1,"type":"dance"}"#), None);
        assert_eq!(
            Control::parse(&format!(r#"{{"v":1,"type":"chatReceived","id":"{}"}}"#, "x".repeat(65))),
            None
        );
        assert_eq!(Control::parse(&"[".repeat(100_000)), None);
    }
}
