//! What comes of offers and answers, as the two sides see it.

#[path = "negotiation/answers.rs"]
mod answers;
#[path = "negotiation/codecs.rs"]
mod codecs;
#[path = "negotiation/extensions.rs"]
mod extensions;
#[path = "negotiation/others.rs"]
mod others;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "negotiation/pair.rs"]
mod pair;
#[path = "negotiation/sections.rs"]
mod sections;
#[path = "negotiation/simulcast.rs"]
mod simulcast;
#[path = "negotiation/states.rs"]
mod states;
#[path = "negotiation/transport.rs"]
mod transport;
