//! What of DTLS goes by ICE's checks: between [`Sped`], which says what, ICE, which carries it, and DTLS.

use super::PeerConnection;
use crate::dtls::DtlsState;
use crate::sped::{ICE_OPTIONS, Sped, SpedState};
use moim_ice::Extra;
use std::time::Instant;

impl PeerConnection {
    /// What descriptions say of it.
    pub(super) fn sped_options(&self) -> impl Iterator<Item = String> {
        let options = ICE_OPTIONS.iter().filter(|_| self.sped.is_some());
        options.map(|option| (*option).to_owned())
    }

    /// An offer of this side's is out: checks may come.
    pub(super) fn offer_sped(&mut self, now: Instant) {
        if let Some(sped) = self.sped.as_mut().filter(|sped| sped.is_active()) {
            self.ice.set_extras(Some(sped.extras()), now);
        }
    }

    /// Both descriptions are known. Before checks begin, the first flight is to be there.
    pub(super) fn settle_sped(&mut self, options: &[String], now: Instant) {
        let Some(sped) = self.sped.as_mut().filter(|sped| sped.is_active()) else { return };
        if options.iter().any(|option| ICE_OPTIONS.contains(&option.as_str())) {
            if self.dtls.state() == DtlsState::New {
                self.dtls.send_by_checks();
            }
            self.start_dtls(now);
            self.offer_sped(now);
        } else {
            sped.turn_off();
        }
        self.piggyback(now);
    }

    /// Whether DTLS need not wait for a path.
    pub(super) fn is_sped_active(&self) -> bool {
        self.sped.as_ref().is_some_and(Sped::is_active)
    }

    /// Something came with a check, or with an answer.
    pub(super) fn take_extras(&mut self, extras: &[Extra], now: Instant) {
        let Some(sped) = &mut self.sped else { return };
        let before = sped.state();
        if let Some(datagram) = sped.receive(extras) {
            self.dtls.handle_datagram(datagram, now);
        }
        if before == SpedState::Tentative && sped.state() == SpedState::Confirmed {
            self.trace.ok("sped.confirmed", "", now);
        }
    }

    /// A datagram of DTLS has come by a path.
    pub(super) fn note_datagram(&mut self, datagram: &[u8]) {
        if let Some(sped) = &mut self.sped
            && matches!(self.dtls.state(), DtlsState::New | DtlsState::Connecting)
        {
            sped.acknowledge(datagram);
        }
    }

    /// Has checks carry what DTLS has to say. False: nothing has changed.
    pub(super) fn piggyback(&mut self, now: Instant) -> bool {
        let has_path = self.ice.selected().is_some();
        if has_path {
            self.dtls.set_path(now);
        }
        let Some(sped) = &mut self.sped else { return false };
        if let Some(flight) = self.dtls.take_flight() {
            sped.capture(&flight, has_path);
        }
        if has_path {
            self.dtls.send_datagrams(sped.release());
        }
        if !sped.take_change() {
            return false;
        }
        match sped.state() {
            SpedState::Tentative | SpedState::Confirmed | SpedState::Pending => {
                self.ice.set_extras(Some(sped.extras()), now);
            }
            SpedState::Complete => {
                self.trace.ok("sped.complete", "", now);
                self.dtls.send_by_path(true);
                // What answers are still to say: that all has come.
                self.ice.set_extras(Some(sped.extras()), now);
                self.ice.set_extras(None, now);
            }
            SpedState::Off => {
                self.trace.ok("sped.off", "", now);
                self.dtls.send_by_path(false);
                self.ice.set_extras(None, now);
            }
        }
        true
    }
}
