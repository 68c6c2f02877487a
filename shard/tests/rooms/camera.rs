//! What clients send: pictures in VP8 of which every byte is known, and sound.

use moim_rtp::extension::AudioLevel;
use moim_rtp::payload::vp8;
use moim_wire::RtpTimestamp;

/// What a packet says of itself, behind what VP8 wants to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// Who has sent it.
    pub(crate) client: u8,
    pub(crate) encoding: u8,
    pub(crate) picture: u32,
    pub(crate) part: u8,
    /// How many parts the picture has.
    pub(crate) parts: u8,
    pub(crate) is_key: bool,
}

/// One encoding of a camera.
#[derive(Clone, Debug)]
pub(crate) struct Camera {
    client: u8,
    encoding: u8,
    picture: u32,
    timestamp: RtpTimestamp,
    /// Packets of a picture.
    parts: u8,
}

const MARK_LEN: usize = 9;
const PAYLOAD_LEN: usize = 500;
pub(crate) const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];

impl Camera {
    pub(crate) fn new(client: u8, encoding: u8) -> Self {
        let picture = Self::first(client, encoding);
        let timestamp = RtpTimestamp(u32::MAX - 40_000 - u32::from(encoding) * 1_234);
        Self { client, encoding, picture, timestamp, parts: 1 + encoding }
    }

    /// A camera that sends 3 Mbit/s.
    pub(crate) fn heavy(client: u8) -> Self {
        Self { parts: 25, ..Self::new(client, 0) }
    }

    /// The number before the first picture's. Soon they have more than 15 bits.
    pub(crate) fn first(client: u8, encoding: u8) -> u32 {
        0x7FF0 + u32::from(client) * 3 + u32::from(encoding)
    }

    /// Nobody wants the next picture.
    pub(crate) fn skip(&mut self) {
        self.picture += 1;
        self.timestamp = self.timestamp.advanced(2_970);
    }

    /// The payloads of the next picture, 33 ms after the one before, and its time.
    pub(crate) fn picture(&mut self, is_key: bool, codec: &str) -> (RtpTimestamp, Vec<Vec<u8>>) {
        self.skip();
        let parts = self.parts;
        let payloads = (0..parts).map(|part| {
            let mark = Mark {
                client: self.client,
                encoding: self.encoding,
                picture: self.picture,
                part,
                parts,
                is_key,
            };
            if codec == "H264" { h264(mark) } else { self.payload(mark) }
        });
        (self.timestamp, payloads.collect())
    }

    fn payload(&self, mark: Mark) -> Vec<u8> {
        let [.., high, low] = self.picture.to_be_bytes();
        // RFC 7741 §4.2: extended, the start of a partition in the first packet; a picture id of 15 bits.
        let mut payload = vec![if mark.part == 0 { 0x90 } else { 0x80 }, 0x80, high | 0x80, low];
        if mark.part == 0 {
            payload.extend([if mark.is_key { 0x10 } else { 0x11 }, 0, 0]);
            if mark.is_key {
                let (width, height) = SIZES[usize::from(self.encoding)];
                payload.extend([0x9D, 0x01, 0x2A]);
                payload.extend(width.to_le_bytes());
                payload.extend(height.to_le_bytes());
            }
        }
        payload.resize(PAYLOAD_LEN - MARK_LEN, mark.client);
        payload.extend([mark.client, mark.encoding, mark.part, mark.parts, u8::from(mark.is_key)]);
        payload.extend(mark.picture.to_be_bytes());
        payload
    }
}

/// A slice of a picture in H.264 (RFC 6184 §5.6).
fn h264(mark: Mark) -> Vec<u8> {
    let mut payload = vec![mark.client; PAYLOAD_LEN - MARK_LEN];
    payload[..2].copy_from_slice(&[if mark.is_key { 0x65 } else { 0x41 }, 0x80 >> u32::from(mark.part != 0)]);
    payload.extend([mark.client, mark.encoding, mark.part, mark.parts, u8::from(mark.is_key)]);
    payload.extend(mark.picture.to_be_bytes());
    payload
}

/// Reads a slice of a picture in H.264: nothing in it has changed.
pub(crate) fn read_h264(payload: &[u8]) -> Mark {
    let mark = read_mark(payload);
    assert_eq!(payload, h264(mark));
    mark
}

/// Reads what a packet of pictures in VP8 says of itself, and its picture id: nothing else in it has changed.
pub(crate) fn read_picture(payload: &[u8]) -> (Mark, Option<u16>) {
    let mark = read_mark(payload);
    let (descriptor, _) = vp8::Descriptor::parse(payload).expect("it is VP8");
    let picture_id = descriptor.picture_id.expect("it had one").number();
    let mut expected = Camera::new(mark.client, mark.encoding);
    expected.picture = mark.picture;
    let mut expected = expected.payload(mark);
    expected[2..4].copy_from_slice(&(picture_id | 0x8000).to_be_bytes());
    assert_eq!(payload, expected, "only the picture id may be another");
    (mark, Some(picture_id))
}

/// A payload of sound.
pub(crate) fn sound(client: u8, number: u32) -> Vec<u8> {
    let mark = Mark { client, encoding: 0, picture: number, part: 0, parts: 1, is_key: false };
    let mut payload = vec![client; 80 - MARK_LEN];
    payload.extend([mark.client, mark.encoding, mark.part, mark.parts, 0]);
    payload.extend(number.to_be_bytes());
    payload
}

pub(crate) fn read_mark(payload: &[u8]) -> Mark {
    let [client, encoding, part, parts, is_key, picture @ ..] =
        *payload.last_chunk::<MARK_LEN>().expect("it is long enough");
    Mark { client, encoding, picture: u32::from_be_bytes(picture), part, parts, is_key: is_key == 1 }
}

/// Somebody speaks, or is silent.
pub(crate) fn level(is_speaking: bool) -> AudioLevel {
    AudioLevel { voice: is_speaking, attenuation_db: if is_speaking { 20 } else { 127 } }
}
