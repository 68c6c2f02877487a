use crate::units::{difference, float_signed};

/// Packets that count: those before fade.
const COUNTED: f64 = 250.0;
/// And until anything is concluded.
const COUNTED_MIN: f64 = 80.0;
/// A packet waited when its delay is so much above the least, so that its predecessor was still before it.
const WAITED_US: i64 = 11_000;
/// Pauses longer than this, between packets sent or arriving, are no part of a flow.
const PAUSE_MAX_US: i64 = 60_000;
/// The share of the link that others must have, beyond what may be chance (in standard deviations).
const SHARE_MIN: f64 = 0.05;
/// Less than this is nobody.
const SHARE_ABSENT: f64 = 0.1;
const CHANCE: f64 = 2.5;

/// Whether others have a part of the link.
///
/// While there is a queue, packets of one who is alone arrive as far apart as the link takes for each, however far apart they were sent. What others
/// send meanwhile lies between them: the longer the time between two packets, the more of it. So the slope of one over the other is the
/// share of the others.
#[derive(Debug, Default)]
pub(crate) struct CrossTraffic {
    before: Option<(u64, u64, u64)>,
    count: f64,
    sent: f64,
    beyond: f64,
    sent_sent: f64,
    sent_beyond: f64,
    beyond_beyond: f64,
}

impl CrossTraffic {
    /// A packet arrived: its number, when it was sent and arrived, how long the link takes for it, and its delay above the least.
    pub(crate) fn packet(
        &mut self,
        (seq, sent_us, arrival_us): (u64, u64, u64),
        takes_us: f64,
        waited_us: i64,
    ) {
        let Some((before, before_sent, before_arrival)) = self.before.replace((seq, sent_us, arrival_us))
        else {
            return;
        };
        let (sent, arrived) = (difference(sent_us, before_sent), difference(arrival_us, before_arrival));
        let follows =
            seq == before + 1 && (0..PAUSE_MAX_US).contains(&sent) && (0..PAUSE_MAX_US).contains(&arrived);
        // It waited, and would have if it had been sent with the one before.
        if !follows || waited_us < WAITED_US {
            return;
        }
        let (sent, beyond) = (float_signed(sent) / 1_000.0, (float_signed(arrived) - takes_us) / 1_000.0);
        let kept = 1.0 - 1.0 / COUNTED;
        self.count = self.count * kept + 1.0;
        self.sent = self.sent * kept + sent;
        self.beyond = self.beyond * kept + beyond;
        self.sent_sent = self.sent_sent * kept + sent * sent;
        self.sent_beyond = self.sent_beyond * kept + sent * beyond;
        self.beyond_beyond = self.beyond_beyond * kept + beyond * beyond;
    }

    /// Whether others have a part of the link.
    pub(crate) fn is_there(&self) -> bool {
        self.share().is_some_and(|(share, deviation)| share > SHARE_MIN + CHANCE * deviation)
    }

    /// The share of others, and how sure it is.
    /// Whether it is known that nobody else has a part worth speaking of.
    pub(crate) fn is_absent(&self) -> bool {
        self.share().is_some_and(|(share, deviation)| share + CHANCE * deviation < SHARE_ABSENT)
    }

    fn share(&self) -> Option<(f64, f64)> {
        if self.count < COUNTED_MIN {
            return None;
        }
        let variance = self.sent_sent - self.sent * self.sent / self.count;
        let covariance = self.sent_beyond - self.sent * self.beyond / self.count;
        let total = self.beyond_beyond - self.beyond * self.beyond / self.count;
        if variance <= 0.0 {
            return None;
        }
        let share = covariance / variance;
        let rest = (total - share * covariance).max(0.0) / self.count;
        Some((share, (rest / variance).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of 1,200 bytes takes the link 4 ms.
    const TAKES_US: u64 = 4_000;

    /// Packets sent 1 and 9 ms apart in turns, all of which wait; others send so much meanwhile.
    fn run(share_of_others: u64, packets: u64) -> CrossTraffic {
        let mut cross = CrossTraffic::default();
        let (mut sent, mut arrival) = (0, 100_000);
        for seq in 0..packets {
            let between = if seq % 2 == 0 { 1_000 } else { 9_000 };
            sent += between;
            arrival += TAKES_US * (100 - share_of_others) / 100 + between * share_of_others / 100;
            cross.packet((seq, sent, arrival), 4_000.0, 30_000);
        }
        cross
    }

    #[test]
    fn gaps_that_depend_on_the_link_alone_show_nobody() {
        assert!(!run(0, 500).is_there());
    }

    #[test]
    fn gaps_that_grow_with_time_show_others_in_proportion() {
        for share in [10, 50, 90] {
            let cross = run(share, 500);
            assert!(cross.is_there(), "{share} %");
            let found = cross.share().map(|(found, _)| (found * 100.0).round());
            assert_eq!(found, Some(f64::from(u32::try_from(share).expect("a percentage"))));
        }
    }

    #[test]
    fn a_few_packets_show_nothing() {
        assert!(!run(50, 20).is_there());
    }

    #[test]
    fn packets_that_did_not_wait_tell_nothing() {
        let mut cross = CrossTraffic::default();
        for seq in 0..500 {
            cross.packet((seq, seq * 5_000, seq * 5_000), 4_000.0, 0);
        }
        assert_eq!(cross.share(), None);
    }
}
