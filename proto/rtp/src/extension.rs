//! Header extensions (RFC 8285): what they are called, which number they have on a connection, and what they say.

mod capture;
mod elements;
mod kind;
mod map;
mod values;
mod video;

pub use capture::{AbsCaptureTime, AbsSendTime, AudioLevel, PlayoutDelay, TransmissionOffset};
pub use elements::{Element, Extensions};
pub use kind::ExtensionKind;
pub use map::{ExtensionMap, MapError};
pub use values::{ExtensionValues, FeedbackRequest, RawRange, TransportSequence};
pub use video::{
    LAYER_STREAMS_MAX, LayerSize, Rotation, SPATIAL_LAYERS_MAX, SpatialLayer, TEMPORAL_LAYERS_MAX,
    VideoLayersAllocation, VideoOrientation, VideoTiming,
};

pub(crate) use elements::{ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};
