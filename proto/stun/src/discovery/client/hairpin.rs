use super::{Client, Outcome, SocketId, Step, Transmit, request};
use crate::discovery::report::{Finding, Unknown};

impl Client {
    /// RFC 5780 §3.4, with two sockets, as two hosts behind one NAT would: each sends to the other's mapped address, which
    /// also opens the filter that the other's request has to pass.
    pub(super) fn begin_hairpin(&mut self) {
        let (Some(main), Some(_)) = (self.report.mapped, self.filter_mapped) else {
            self.report.hairpinning = Finding::Unknown(Unknown::NoAnswer);
            return self.begin_lifetime();
        };
        if self.report.is_translated() == Some(false) {
            self.report.hairpinning = Finding::Unknown(Unknown::NotTranslated);
            return self.begin_lifetime();
        }
        if self.has_several_ips() {
            self.report.hairpinning = Finding::Unknown(Unknown::Unstable);
            return self.begin_lifetime();
        }
        self.step = Step::Hairpin;
        self.ask(SocketId::Filter, main, |_| {});
        self.repeat_for_hairpin();
    }

    /// The same in the other direction: whichever comes second finds the filter open.
    pub(super) fn repeat_for_hairpin(&mut self) {
        if let (Step::Hairpin, Some(transaction), Some(to)) = (self.step, &self.current, self.filter_mapped) {
            let bytes = request(transaction.id, |_| {});
            self.transmits.push_back(Transmit { socket: SocketId::Main, to, bytes });
        }
    }

    pub(super) fn hairpin_seen(&mut self, is_seen: bool) {
        self.current = None;
        self.transmits.clear();
        self.report.hairpinning = Finding::Known(is_seen);
        self.begin_lifetime();
    }

    /// Whether a lifetime can be looked for at all; then it is.
    pub(super) fn begin_lifetime(&mut self) {
        let Some(search) = self.lifetime_search else { return self.finish() };
        let unknown = match (self.primary, self.report.is_translated()) {
            (_, Some(false)) => Unknown::NotTranslated,
            // The response that is asked for goes to the IP address that another socket asks from.
            (Some(_), Some(true)) if self.has_several_ips() => Unknown::Unstable,
            (Some(primary), Some(true)) => return self.open_mapping(search.first(primary.address)),
            _ => Unknown::NoAnswer,
        };
        self.lifetime_known(Finding::Unknown(unknown));
    }

    /// Whether the two sockets were seen at different IP addresses.
    fn has_several_ips(&self) -> bool {
        let (main, filter) = (self.report.mapped, self.filter_mapped);
        main.zip(filter).is_some_and(|(main, filter)| main.ip() != filter.ip())
    }

    /// Whether a response is there at all, whoever sent it.
    pub(super) fn is_success(outcome: &Outcome<'_>) -> bool {
        matches!(outcome, Outcome::Success { .. })
    }
}
