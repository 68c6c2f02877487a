//! What descriptions of the other side have to be for anything of them to be taken.

use super::error::Error;
use super::layout::Bundle;
use super::negotiator::Negotiator;
use super::transport::{self, Described, DtlsRole, SctpParameters};
use crate::{Attribute, SectionKind, SessionDescription};
use moim_wire::Mid;

impl Negotiator {
    /// An offer has the sections that there were, and a transport we can use.
    pub(super) fn check_offer(&self, offer: &SessionDescription) -> Result<(), Error> {
        if offer.media.len() < self.layout.len() {
            return Err(Error::misbehaved_overall("the offer has fewer media sections than there were"));
        }
        check_mids(offer)?;
        let Some(tagged) = Bundle::of(offer).tagged() else { return Ok(()) };
        let setup = Described::of(offer, tagged)?.setup;
        let possible = transport::role_in_answer(setup, self.role, DtlsRole::Server);
        let role = possible.map_err(|reason| Error::misbehaved(tagged, reason))?;
        self.check_role(tagged, role)
    }

    /// Who is what in DTLS stays, since the association does.
    pub(super) fn check_role(&self, section: usize, role: DtlsRole) -> Result<(), Error> {
        if self.role.is_some_and(|current| current != role) {
            return Err(Error::misbehaved(section, "`setup` turns the DTLS roles round, which are settled"));
        }
        Ok(())
    }
}

/// Names are unique, and groups are of sections that exist (RFC 5888 §9.2).
fn check_mids(description: &SessionDescription) -> Result<(), Error> {
    for (index, section) in description.media.iter().enumerate() {
        let Some(mid) = section.mid() else { continue };
        if description.media[..index].iter().any(|other| other.mid() == Some(mid)) {
            return Err(Error::misbehaved(index, "its `mid` is that of another section"));
        }
    }
    let unknown = |mid: &&Mid| description.section(**mid).is_none();
    match description.bundle().unwrap_or_default().iter().find(unknown) {
        Some(_) => Err(Error::misbehaved_overall("the BUNDLE group names a section that does not exist")),
        None => Ok(()),
    }
}

/// RFC 9429 §5.11: an answer has the sections of the offer, and accepts none but what shares the transport.
pub(super) fn check_answer(offer: &SessionDescription, answer: &SessionDescription) -> Result<(), Error> {
    if offer.media.len() != answer.media.len() {
        return Err(Error::misbehaved_overall("the answer has not as many media sections as the offer"));
    }
    check_mids(answer)?;
    let bundle = Bundle::of(answer);
    for (index, (offered, answered)) in offer.media.iter().zip(&answer.media).enumerate() {
        let wrong = |reason| Err(Error::misbehaved(index, reason));
        if offered.kind != answered.kind {
            return wrong("its kind is not that of the offer");
        }
        if answered.mid().is_some() && offered.mid() != answered.mid() {
            return wrong("its `mid` is not that of the offer");
        }
        if answered.is_rejected() {
            continue;
        }
        if offered.is_rejected() {
            return wrong("it was rejected by the offer, and the answer accepts it");
        }
        if !bundle.contains(index) {
            return wrong("it is accepted and not bundled, but there is one transport only");
        }
        let is_media = matches!(answered.kind, SectionKind::Audio | SectionKind::Video);
        if is_media && !answered.has(&Attribute::RtcpMux) && !answered.has(&Attribute::RtcpMuxOnly) {
            return wrong("it is accepted without `rtcp-mux`, but there is one transport only");
        }
        if answered.kind == SectionKind::Application && SctpParameters::of(answered).is_none() {
            return wrong("it is accepted without `sctp-port`");
        }
    }
    Ok(())
}
