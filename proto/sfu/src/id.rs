use crate::arena::Key;
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Once what it names is gone, it names nothing any more.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) Key);

        impl $name {
            /// Its place among what there is of the kind: two that exist at the same time differ in it, and it is lower than there can be at a time.
            pub fn index(self) -> usize {
                self.0.index as usize
            }

            /// As a number, for who keeps it in one: the upper 32 bits say which of those that had the place, one after the other, is meant.
            pub fn to_bits(self) -> u64 {
                self.0.to_bits()
            }

            /// What [`to_bits`](Self::to_bits) has made a number of. [`None`]: nothing.
            pub fn from_bits(bits: u64) -> Option<Self> {
                Key::from_bits(bits).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }
    };
}

id! {
    /// A published source that a [`Forwarder`](crate::Forwarder) knows.
    TrackId
}

id! {
    /// A connection that packets are forwarded to.
    SubscriberId
}

id! {
    /// One RTP stream of a track: all of it, or one of several of different sizes (RFC 8853).
    EncodingId
}

/// A place at a subscriber that shows one track at a time: what is a media section of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId {
    /// Whose it is.
    pub subscriber: SubscriberId,
    /// Its number among the subscriber's, from 0 on, in the order in which they were added: at first those for audio, then those for video.
    pub index: u16,
}

/// Whoever sends a track. Tracks with the same number belong together: whose voice is heard is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub u64);

/// Those among whom one speaks at a time. The number means something to the caller only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);
