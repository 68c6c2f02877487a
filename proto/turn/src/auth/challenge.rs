use super::nonce::{Features, has_cookie, nonce_len};
use super::refusal::Refusal;
use super::{Algorithms, Attempt, RefusalReason};
use crate::attribute::ThirdPartyAuthorization;
use crate::five_tuple::Transport;
use moim_stun::attribute::{ErrorCode, Nonce, Realm as RealmAttribute};
use moim_stun::{AttributeType, BuildError, Class, HEADER_LEN, MessageBuilder, Seal};

/// How long a refusal can be, in bytes: header, ERROR-CODE, a REALM of 127 characters of four bytes, the longer NONCE,
/// PASSWORD-ALGORITHMS, THIRD-PARTY-AUTHORIZATION, and integrity and FINGERPRINT.
pub const CHALLENGE_LEN_MAX: usize = HEADER_LEN + 8 + (4 + 508) + (4 + 40) + 12 + (4 + 128) + 36 + 8;

/// How many times its request a challenge over UDP may be long, in tenths: what a bare request of 20 bytes costs with a realm
/// of 12 bytes, and what a real Allocate of 28 has room for with everything in it.
const AMPLIFICATION_MAX_TENTHS: usize = 36;

/// What a challenge tells besides what it must.
#[derive(Clone, Copy)]
struct Extras<'a> {
    features: Option<Features>,
    third_party: Option<&'a str>,
}

impl Extras<'_> {
    fn offers_algorithms(&self) -> bool {
        self.features.is_some_and(|features| features.password_algorithms)
    }
}

impl Attempt<'_> {
    /// Writes the response to a request that was refused, and returns its length.
    ///
    /// It has neither SOFTWARE nor a reason phrase, as every byte of an answer to a forged request is one that somebody else
    /// receives.
    pub fn refuse(&self, refusal: &Refusal, out: &mut [u8]) -> Result<usize, BuildError> {
        let request = self.request;
        let mut response =
            MessageBuilder::new(out, Class::ErrorResponse, request.method(), request.transaction_id())?;
        let code = refusal.reason().error_code();
        response
            .attribute(&ErrorCode::new(code, "").expect("the codes of refusals are within 300 to 699"))?;
        if matches!(code, 401 | 438) {
            self.challenge(refusal.reason(), &mut response)?;
        }
        let fingerprint = self.has_fingerprint();
        let seal = match &refusal.authenticated {
            Some(authenticated) => authenticated.seal(fingerprint),
            None => Seal { fingerprint, ..Seal::default() },
        };
        Ok(response.finish(seal)?.len())
    }

    /// RFC 8489 §9.2.4, RFC 7635 §5: what a client needs to make a request that is right.
    fn challenge(&self, reason: RefusalReason, response: &mut MessageBuilder<'_>) -> Result<(), BuildError> {
        let extras = self.extras(reason);
        let algorithms = self.realm.algorithms();
        let nonce = self.nonces.make(extras.features, algorithms, self.five_tuple, self.now.wall);
        response.attribute(&RealmAttribute(self.realm.name()))?;
        response.attribute(&Nonce(nonce.as_str()))?;
        if let Some(offer) = algorithms.offer().filter(|_| extras.offers_algorithms()) {
            response.attribute(&offer)?;
        }
        if let Some(server_name) = extras.third_party {
            response.attribute(&ThirdPartyAuthorization(server_name))?;
        }
        Ok(())
    }

    /// As much as there is to tell and room for. What a client can do nothing without is told even where there is no room.
    fn extras(&self, reason: RefusalReason) -> Extras<'_> {
        let realm = self.realm;
        let features = Some(realm.features()).filter(|features| *features != Features::NONE);
        let third_party = realm.third_party();
        let algorithms_needed = realm.algorithms() == Algorithms::Sha256;
        let third_party_needed = !realm.has_passwords();
        let mut extras = Extras { features, third_party };
        // RFC 8489 §9.2.5: the client keeps to the algorithm it began with.
        let began_without = reason.error_code() == 438 && !self.nonce_had_cookie();
        if !algorithms_needed && (began_without || !self.fits(extras)) {
            extras.features = None;
        }
        if !third_party_needed && !self.fits(extras) {
            extras.third_party = None;
            let with_features = Extras { features, third_party: None };
            if !began_without && self.fits(with_features) {
                extras = with_features;
            }
        }
        extras
    }

    fn fits(&self, extras: Extras<'_>) -> bool {
        self.challenge_len(extras) <= self.len_max()
    }

    fn nonce_had_cookie(&self) -> bool {
        matches!(self.request.get::<Nonce<'_>>(), Ok(Some(nonce)) if has_cookie(nonce.0))
    }

    fn challenge_len(&self, extras: Extras<'_>) -> usize {
        let attribute = |len: usize| 4 + len.next_multiple_of(4);
        let offer_len = match self.realm.algorithms() {
            Algorithms::Sha256ThenMd5 => attribute(8),
            Algorithms::Sha256 => attribute(4),
            Algorithms::Md5 => 0,
        };
        HEADER_LEN
            + attribute(4)
            + attribute(self.realm.name().len())
            + attribute(nonce_len(extras.features))
            + if extras.offers_algorithms() { offer_len } else { 0 }
            + extras.third_party.map_or(0, |name| attribute(name.len()))
            + if self.has_fingerprint() { attribute(4) } else { 0 }
    }

    /// Over everything but UDP the sender is known to receive at its address.
    fn len_max(&self) -> usize {
        match self.five_tuple.transport {
            Transport::Udp => self.request.as_bytes().len() * AMPLIFICATION_MAX_TENTHS / 10,
            Transport::Tcp | Transport::Tls | Transport::Dtls => CHALLENGE_LEN_MAX,
        }
    }

    /// RFC 8489 §7: an agent that uses FINGERPRINT has it in what it sends; a client shows that it does.
    fn has_fingerprint(&self) -> bool {
        self.request.find(AttributeType::FINGERPRINT).is_some()
    }
}
