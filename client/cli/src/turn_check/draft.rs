use aws_lc_rs::rand;
use moim_stun::attribute::{Attribute, ErrorCode};
use moim_stun::{AttributeType, Class, HEADER_LEN, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::attribute::XorPeerAddress;
use moim_wire::Writer;

/// No attribute that is built here is longer.
const ATTRIBUTE_LEN_MAX: usize = 4096;

/// A message to be sent: what a builder would write, but it can be changed and sealed again.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) class: Class,
    pub(crate) method: Method,
    pub(crate) id: TransactionId,
    attributes: Vec<(AttributeType, Vec<u8>)>,
}

impl Draft {
    pub(crate) fn request(method: Method) -> Self {
        Self::new(Class::Request, method)
    }

    pub(crate) fn indication(method: Method) -> Self {
        Self::new(Class::Indication, method)
    }

    pub(crate) fn new(class: Class, method: Method) -> Self {
        Self { class, method, id: TransactionId(random()), attributes: Vec::new() }
    }

    /// With a further attribute.
    pub(crate) fn with<'a, A: Attribute<'a>>(self, attribute: &A) -> Self {
        let mut buffer = [0; ATTRIBUTE_LEN_MAX];
        let mut writer = Writer::new(&mut buffer);
        attribute.encode(&mut writer, self.id).expect("the checks build valid attributes that fit");
        let value = writer.into_written().to_vec();
        self.raw(A::TYPE, &value)
    }

    /// With a further attribute that need not make sense.
    pub(crate) fn raw(mut self, attribute_type: AttributeType, value: &[u8]) -> Self {
        self.attributes.push((attribute_type, value.to_vec()));
        self
    }

    /// The same message for a new transaction, with whose id addresses of peers are XOR-ed.
    pub(crate) fn renewed(&self) -> Self {
        let old = self.id;
        let empty = Self { attributes: Vec::new(), ..Self::new(self.class, self.method) };
        self.attributes.iter().fold(empty, |draft, (attribute_type, value)| match *attribute_type {
            XorPeerAddress::TYPE => match XorPeerAddress::decode(value, old) {
                Some(peer) => draft.with(&peer),
                None => draft.raw(*attribute_type, value),
            },
            other => draft.raw(other, value),
        })
    }

    /// The message as it is sent.
    pub(crate) fn bytes(&self, seal: Seal<'_>) -> Vec<u8> {
        let body: usize = self.attributes.iter().map(|(_, value)| 4 + value.len().next_multiple_of(4)).sum();
        let mut buffer = vec![0; HEADER_LEN + body + SEAL_LEN_MAX];
        let mut builder = MessageBuilder::new(&mut buffer, self.class, self.method, self.id)
            .expect("it has room for a header");
        for (attribute_type, value) in &self.attributes {
            builder.raw(*attribute_type, value).expect("it has room for all attributes");
        }
        builder.finish(seal).expect("the checks build messages that a length field can say").to_vec()
    }

    /// The message without integrity or fingerprint.
    pub(crate) fn plain(&self) -> Vec<u8> {
        self.bytes(Seal::default())
    }
}

/// MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT.
const SEAL_LEN_MAX: usize = 24 + 36 + 8;

/// A message that was received.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// [`None`]: it is not a STUN message.
    pub(crate) fn new(bytes: Vec<u8>) -> Option<Self> {
        Message::parse(&bytes).is_ok().then_some(Self { bytes })
    }

    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).expect("it was parsed when it was made")
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_success(&self) -> bool {
        self.message().class() == Class::SuccessResponse
    }

    /// The error code of an error response that has one.
    pub(crate) fn code(&self) -> Option<u16> {
        let message = self.message();
        if message.class() != Class::ErrorResponse {
            return None;
        }
        message.get::<ErrorCode<'_>>().ok().flatten().map(|error| error.code())
    }

    /// An attribute, if it is there and well formed.
    pub(crate) fn get<'a, A: Attribute<'a>>(&'a self) -> Option<A> {
        self.message().get().ok().flatten()
    }

    pub(crate) fn has(&self, attribute_type: AttributeType) -> bool {
        self.message().find(attribute_type).is_some()
    }

    /// What it is, in a few words.
    pub(crate) fn seen(&self) -> String {
        match (self.message().class(), self.code()) {
            (Class::SuccessResponse, _) => "success".to_owned(),
            (Class::ErrorResponse, Some(code)) => format!("error {code}"),
            (Class::ErrorResponse, None) => "an error without ERROR-CODE".to_owned(),
            (Class::Indication, _) => "an indication".to_owned(),
            (Class::Request, _) => "a request".to_owned(),
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.seen(), self.len())
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}
