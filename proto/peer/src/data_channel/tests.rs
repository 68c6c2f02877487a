#![expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]

mod turns;

use super::*;
use crate::sctp::{self, MESSAGE_LEN_DEFAULT, MESSAGE_LEN_MAX, SctpStart};
use moim_wire::Deadline;
use std::time::{Duration, Instant};

/// One end: an association and its channels.
struct End {
    sctp: SctpTransport,
    channels: DataChannels,
    now: Instant,
}

struct Pair {
    ends: [End; 2],
    now: Instant,
    /// Every how many packets one is lost.
    lost_every: usize,
    carried: usize,
    /// The streams of the parts of messages that the first end has sent, in their order.
    order: Vec<u16>,
}

impl End {
    fn new() -> Self {
        let channels = DataChannels::new(BUFFERED_AMOUNT_MAX);
        Self { sctp: SctpTransport::new(), channels, now: Instant::now() }
    }

    fn create(&mut self, init: DataChannelInit) -> DataChannelId {
        self.channels.create(init, &mut self.sctp).unwrap()
    }

    fn text(&mut self, id: DataChannelId, text: &str) {
        self.channels.send(id, false, text.as_bytes(), &mut self.sctp, self.now).unwrap();
    }

    fn pump(&mut self) {
        while let Some(event) = self.sctp.poll_event() {
            self.channels.handle_sctp(&event, &mut self.sctp);
        }
        self.channels.settle(&mut self.sctp);
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        self.channels.poll_transmit(&mut self.sctp, now)
    }

    fn events(&mut self) -> Vec<DataChannelEvent> {
        std::iter::from_fn(|| self.channels.poll_event(&mut self.sctp)).collect()
    }

    fn messages(&mut self) -> Vec<DataMessage> {
        let message = |event| match event {
            DataChannelEvent::Message(_, message) => Some(message),
            DataChannelEvent::Added(_)
            | DataChannelEvent::Open(_)
            | DataChannelEvent::BufferedAmountLow(_)
            | DataChannelEvent::Closed(_) => None,
        };
        self.events().into_iter().filter_map(message).collect()
    }
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let mut ends = [End::new(), End::new()];
        for (index, end) in ends.iter_mut().enumerate() {
            end.channels.set_role(index == 0);
            end.sctp.start(start(index == 0), now);
        }
        Self { ends, now, lost_every: 0, carried: 0, order: Vec::new() }
    }

    fn connected() -> Self {
        let mut pair = Self::new();
        pair.run();
        pair
    }

    /// Carries packets at once and lets time pass while something is awaited, for half a minute at most.
    fn run(&mut self) {
        let end = self.now + Duration::from_secs(30);
        while self.now < end {
            while self.carry() {}
            let [one, other] = &self.ends;
            let Some(deadline) = Deadline::soonest(one.sctp.poll_timeout(), other.sctp.poll_timeout()) else {
                return;
            };
            self.now = deadline.at.max(self.now);
            for end in &mut self.ends {
                end.sctp.handle_timeout(self.now);
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.ends.iter_mut().for_each(|end| end.now = self.now);
    }

    fn carry(&mut self) -> bool {
        let mut is_carried = false;
        self.ends.iter_mut().for_each(|end| end.now = self.now);
        for from in 0..2 {
            while let Some(packet) = self.ends[from].poll_transmit(self.now) {
                is_carried = true;
                let data = sctp::chunks(&packet).filter(|(kind, _)| *kind == sctp::DATA && from == 0);
                self.order.extend(data.map(|(_, value)| u16::from_be_bytes([value[4], value[5]])));
                self.carried += 1;
                if self.lost_every == 0 || !self.carried.is_multiple_of(self.lost_every) {
                    self.ends[1 - from].sctp.handle_packet(packet, self.now);
                }
            }
        }
        self.ends.iter_mut().for_each(End::pump);
        is_carried
    }
}

fn start(is_client: bool) -> SctpStart {
    SctpStart {
        is_client,
        local_port: 5000,
        remote_port: 5000,
        send_len_max: MESSAGE_LEN_DEFAULT,
        snap: None,
    }
}

fn named(label: &str) -> DataChannelInit {
    DataChannelInit { label: label.to_owned(), ..DataChannelInit::default() }
}

fn text(text: &str) -> DataMessage {
    DataMessage::Text(text.to_owned())
}

/// Covers: RFC 8832 §6
#[test]
fn a_channel_opens_on_both_sides_with_all_it_was_made_of() {
    let mut pair = Pair::new();
    let init = DataChannelInit {
        protocol: "p".to_owned(),
        ordered: false,
        reliability: Reliability::MaxRetransmits(2),
        priority: 512,
        ..named("chat")
    };
    let ours = pair.ends[0].create(init.clone());

    pair.run();

    assert_eq!(pair.ends[0].events(), [DataChannelEvent::Open(ours)]);
    let theirs = pair.ends[1].events();
    let [DataChannelEvent::Added(id), DataChannelEvent::Open(same)] = theirs[..] else {
        panic!("{theirs:?}")
    };
    assert_eq!(id, same);
    let channel = pair.ends[1].channels.channel(id).unwrap();
    assert_eq!((channel.init(), channel.stream()), (&init, Some(0)), "the DTLS client has even streams");
    pair.run();
    assert_eq!(pair.ends[0].events(), []);
    assert!(!pair.ends[0].channels.channel(ours).unwrap().awaits_ack);
}

#[test]
fn messages_of_every_kind_go_both_ways() {
    let mut pair = Pair::connected();
    let ours = pair.ends[1].create(named("x"));
    pair.run();
    let theirs = match pair.ends[0].events()[..] {
        [DataChannelEvent::Added(id), DataChannelEvent::Open(_)] => id,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(pair.ends[0].channels.channel(theirs).unwrap().stream(), Some(1), "odd for the DTLS server");
    pair.ends[1].events();

    let End { sctp, channels, .. } = &mut pair.ends[1];
    for (binary, data) in [(false, &b"text"[..]), (true, &[0, 255, 7]), (false, b""), (true, b"")] {
        channels.send(ours, binary, data, sctp, pair.now).unwrap();
    }
    pair.ends[0].text(theirs, "안녕");
    pair.run();

    let expected =
        [text("text"), DataMessage::Binary(vec![0, 255, 7]), text(""), DataMessage::Binary(Vec::new())];
    assert_eq!(pair.ends[0].messages(), expected);
    assert_eq!(pair.ends[1].messages(), [text("안녕")]);
    let counters = pair.ends[0].channels.channel(theirs).unwrap().counters();
    assert_eq!((counters.messages_received, counters.bytes_received, counters.messages_sent), (4, 7, 1));
}

#[test]
fn channels_that_were_agreed_on_need_no_message() {
    let mut pair = Pair::new();
    let init = DataChannelInit { negotiated: Some(7), ..named("agreed") };
    let ids = [0, 1].map(|end| pair.ends[end].create(init.clone()));
    pair.run();

    pair.ends[0].text(ids[0], "hello");
    pair.run();

    assert_eq!(
        pair.ends[1].events(),
        [DataChannelEvent::Open(ids[1]), DataChannelEvent::Message(ids[1], text("hello"))]
    );
    let End { channels, sctp, .. } = &mut pair.ends[0];
    assert_eq!(channels.create(init, sctp), Err(DataChannelError::Stream), "the stream is in use");
}

#[test]
fn the_longest_message_passes_and_a_longer_one_does_not() {
    let mut pair = Pair::connected();
    let id = pair.ends[0].create(named("x"));
    pair.run();
    pair.ends[1].events();
    let End { channels, sctp, .. } = &mut pair.ends[0];
    let long = vec![7; MESSAGE_LEN_MAX as usize];

    let refused = channels.send(id, true, &long, sctp, pair.now);
    sctp.set_send_len_max(MESSAGE_LEN_MAX);
    channels.send(id, true, &long, sctp, pair.now).unwrap();
    pair.run();

    assert_eq!(refused, Err(DataChannelError::TooLong { max: MESSAGE_LEN_DEFAULT }));
    assert_eq!(pair.ends[1].messages(), [DataMessage::Binary(long)]);
}

#[test]
fn reliable_messages_survive_loss_in_their_order() {
    let mut pair = Pair::new();
    pair.lost_every = 4;
    let id = pair.ends[0].create(named("x"));
    pair.run();
    let texts: Vec<_> = (0..100).map(|number| format!("message {number}")).collect();
    for text in &texts {
        pair.ends[0].text(id, text);
    }

    pair.run();

    let expected: Vec<_> = texts.iter().map(|message| text(message)).collect();
    assert_eq!(pair.ends[1].messages(), expected);
}

/// Covers: RFC 8831 §6.1
#[test]
fn messages_that_are_not_to_be_repeated_are_lost_at_times() {
    for reliability in [Reliability::MaxRetransmits(0), Reliability::MaxPacketLifeTime(1)] {
        for ordered in [true, false] {
            let mut pair = Pair::connected();
            let id = pair.ends[0].create(DataChannelInit { ordered, reliability, ..named("x") });
            pair.run();
            pair.ends[1].events();
            pair.lost_every = 5;
            for number in 0..200 {
                pair.ends[0].text(id, &format!("{number} {}", "x".repeat(900)));
                pair.carry();
                pair.pass(Duration::from_millis(5));
            }
            pair.lost_every = 0;
            pair.run();
            pair.ends[0].text(id, "last");
            pair.run();

            let messages = pair.ends[1].messages();
            assert!((100..200).contains(&messages.len()), "{reliability:?} {ordered}: {}", messages.len());
            assert!(messages.contains(&text("last")), "what is given up stops nothing that follows");
        }
    }
}

/// Covers: RFC 8831 §6.7
#[test]
fn closing_delivers_what_was_sent_and_frees_the_stream() {
    let mut pair = Pair::connected();
    for round in 0..5 {
        let ours = pair.ends[0].create(named("again"));
        pair.run();
        pair.ends[0].text(ours, "last words");
        let End { channels, sctp, .. } = &mut pair.ends[0];
        channels.close(ours, sctp).unwrap();
        assert_eq!(channels.send(ours, true, b"x", sctp, pair.now), Err(DataChannelError::NotOpen));
        // The other side has to read before the reset can take effect there.
        let mut events = [Vec::new(), Vec::new()];
        for _ in 0..4 {
            pair.run();
            for (events, end) in events.iter_mut().zip(&mut pair.ends) {
                events.extend(end.events());
            }
        }

        let [own, other] = &events;
        assert_eq!(own.last(), Some(&DataChannelEvent::Closed(ours)), "round {round}");
        let Some(DataChannelEvent::Added(theirs)) = other.first() else { panic!("{other:?}") };
        assert_eq!(
            other[2..],
            [DataChannelEvent::Message(*theirs, text("last words")), DataChannelEvent::Closed(*theirs)]
        );
        assert!(pair.ends.iter().all(|end| end.channels.streams.is_empty()), "round {round}");
        assert_eq!(pair.ends[0].channels.free_stream(), Some(0), "the stream is used again");
    }
    assert_eq!(pair.ends[0].channels.totals(), (5, 5));
}

#[test]
fn both_sides_may_close_at_once() {
    let mut pair = Pair::connected();
    let ours = pair.ends[0].create(named("x"));
    pair.run();
    let Some(DataChannelEvent::Added(theirs)) = pair.ends[1].events().first().cloned() else { panic!() };
    pair.ends[0].events();

    for (end, id) in pair.ends.iter_mut().zip([ours, theirs]) {
        end.channels.close(id, &mut end.sctp).unwrap();
    }
    pair.run();

    assert_eq!(pair.ends[0].events(), [DataChannelEvent::Closed(ours)]);
    assert_eq!(pair.ends[1].events(), [DataChannelEvent::Closed(theirs)]);
}

#[test]
fn what_waits_is_bounded_and_tells_when_it_is_little() {
    let mut pair = Pair::connected();
    pair.ends[0].channels.buffered_max = 100_000;
    let id = pair.ends[0].create(named("x"));
    pair.run();
    pair.ends[0].events();
    let End { channels, sctp, .. } = &mut pair.ends[0];
    channels.set_low_threshold(id, 10_000, sctp).unwrap();
    let mut sent = 0;
    while channels.send(id, true, &[0; 10_000], sctp, pair.now).is_ok() {
        sent += 1;
    }

    assert_eq!(sent, 10);
    assert_eq!(channels.send(id, true, &[0; 10_000], sctp, pair.now), Err(DataChannelError::BufferFull));
    assert_eq!(channels.buffered_amount(id, sctp), 100_000);
    pair.run();

    assert_eq!(pair.ends[0].events(), [DataChannelEvent::BufferedAmountLow(id)]);
    let End { channels, sctp, .. } = &mut pair.ends[0];
    assert_eq!(channels.buffered_amount(id, sctp), 0);
}

#[test]
fn what_is_not_read_stays_with_the_sender() {
    let mut pair = Pair::connected();
    let id = pair.ends[0].create(named("x"));
    pair.run();
    pair.ends[1].events();
    for _ in 0..40 {
        let End { channels, sctp, .. } = &mut pair.ends[0];
        channels.send(id, true, &vec![0; 60_000], sctp, pair.now).unwrap();
    }

    pair.run();
    let End { channels, sctp, .. } = &mut pair.ends[0];
    assert!(channels.buffered_amount(id, sctp) > 1_000_000, "the window of the receiver is closed");

    let mut read = 0;
    for _ in 0..40 {
        read += pair.ends[1].messages().len();
        pair.run();
    }
    assert_eq!(read, 40, "and nothing is lost");
}

#[test]
fn two_that_listen_find_each_other() {
    let now = Instant::now();
    let mut pair = Pair { ends: [End::new(), End::new()], now, lost_every: 0, carried: 0, order: Vec::new() };
    for (index, end) in pair.ends.iter_mut().enumerate() {
        end.channels.set_role(index == 0);
    }
    pair.ends[0].sctp.start(start(false), now);
    pair.ends[1].sctp.start(start(false), now + Duration::from_millis(100));

    pair.run();

    assert_eq!(pair.ends.map(|end| end.sctp.state()), [SctpState::Connected; 2]);
}

#[test]
fn an_association_that_is_lost_takes_its_channels_along() {
    let mut pair = Pair::connected();
    let id = pair.ends[0].create(named("x"));
    pair.run();
    pair.ends[0].events();

    pair.ends[0].channels.handle_sctp(&SctpEvent::Lost("reason".to_owned()), &mut pair.ends[0].sctp);

    assert_eq!(pair.ends[0].events(), [DataChannelEvent::Closed(id)]);
}

/// Covers: RFC 8832 §6
#[test]
fn openings_that_must_not_be_are_refused() {
    let mut pair = Pair::connected();
    let open = dcep::Open {
        ordered: true,
        reliability: Reliability::Reliable,
        priority: 0,
        label: "x",
        protocol: "",
    };
    let open = Bytes::from(dcep::Message::Open(open).to_bytes().unwrap());
    let sctp = &mut pair.ends[0].sctp;
    for (stream, message) in [(1, open.clone()), (2, Bytes::from_static(&[9])), (4, open.clone()), (4, open)]
    {
        sctp.open_stream(stream, true, Reliability::Reliable);
        sctp.write(stream, Ppid::Dcep, &message).unwrap();
    }
    pair.run();

    let events = pair.ends[1].events();

    assert!(matches!(events[..], [DataChannelEvent::Added(_), DataChannelEvent::Open(_)]), "{events:?}");
    assert_eq!(pair.ends[1].channels.dropped(), 3, "a wrong parity, garbage, and one that is open already");
}

#[test]
fn limits_hold() {
    let mut end = End::new();
    let long = "x".repeat(LABEL_LEN_MAX + 1);
    assert_eq!(end.channels.create(named(&long), &mut end.sctp), Err(DataChannelError::LabelTooLong));
    let init = DataChannelInit { negotiated: Some(u16::MAX), ..named("") };
    assert_eq!(end.channels.create(init, &mut end.sctp), Err(DataChannelError::Stream));
    for _ in 0..CHANNELS_MAX {
        end.create(named(""));
    }
    assert_eq!(end.channels.create(named(""), &mut end.sctp), Err(DataChannelError::TooMany));
    assert_eq!(
        end.channels.send(DataChannelId(0), true, b"x", &mut end.sctp, end.now),
        Err(DataChannelError::NotOpen)
    );
}

#[test]
fn whoever_opens_streams_without_end_is_not_listened_to_any_more() {
    let mut pair = Pair::connected();
    for stream in 0..5_000 {
        let end = &mut pair.ends[0];
        if !end.sctp.open_stream(stream, true, Reliability::Reliable) {
            break;
        }
        // No channel has that stream, and the message has no end that anybody waits for.
        let _ = end.sctp.write(stream, Ppid::Binary, &Bytes::from_static(b"x"));
        while pair.carry() {}
        pair.ends[1].events();
    }

    assert_eq!(pair.ends[1].sctp.state(), SctpState::Closed);
}

#[test]
fn channels_may_be_opened_and_closed_without_end() {
    let mut pair = Pair::connected();
    for _ in 0..40 {
        let ids: Vec<_> = (0..100).map(|_| pair.ends[0].create(named("one of many"))).collect();
        pair.run();
        pair.ends.iter_mut().for_each(|end| drop(end.events()));
        for id in ids {
            pair.ends[0].channels.close(id, &mut pair.ends[0].sctp).unwrap();
        }
        pair.run();
        pair.ends.iter_mut().for_each(|end| drop(end.events()));
        pair.run();
    }

    assert!(pair.ends.iter().all(|end| end.sctp.state() == SctpState::Connected));
    assert_eq!(pair.ends[1].channels.totals(), (4_000, 4_000));
}

/// The checksum of a packet (RFC 9260 §6.8, appendix A), put in its place.
fn seal(packet: &mut [u8]) {
    let Some(place) = packet.get_mut(8..12) else { return };
    place.fill(0);
    let mut checksum = u32::MAX;
    for byte in packet.iter() {
        checksum ^= u32::from(*byte);
        for _ in 0..8 {
            checksum = (checksum >> 1) ^ (0x82F6_3B78 & (checksum & 1).wrapping_neg());
        }
    }
    packet[8..12].copy_from_slice(&(!checksum).to_le_bytes());
}

#[test]
fn an_association_that_says_anything_at_all_breaks_nothing_but_itself() {
    for round in 0..300_u64 {
        let mut random = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from((random >> 11) % limit as u64).unwrap()
        };
        let mut pair = if below(4) == 0 { Pair::new() } else { Pair::connected() };
        let id = pair.ends[0].create(named("one"));
        for _ in 0..60 {
            match below(8) {
                0 => drop(pair.ends[0].channels.close(id, &mut pair.ends[0].sctp)),
                1 => drop(pair.ends[0].channels.create(named("more"), &mut pair.ends[0].sctp)),
                2..5 => {
                    let data = vec![7; below(5_000)];
                    let _ = pair.ends[0].channels.send(id, true, &data, &mut pair.ends[0].sctp, pair.now);
                }
                5 => {
                    pair.now += Duration::from_millis(100 * below(30) as u64);
                    pair.ends.iter_mut().for_each(|end| end.sctp.handle_timeout(pair.now));
                }
                _ => {}
            }
            for from in [0, 1] {
                while let Some(packet) = pair.ends[from].poll_transmit(pair.now) {
                    let mut packet = packet.to_vec();
                    for _ in 0..below(3) {
                        let place = 12 + below(packet.len().saturating_sub(12).clamp(1, 40));
                        if let Some(byte) = packet.get_mut(place) {
                            *byte = if below(2) == 0 {
                                [0, 1, 127, 128, 255][below(5)]
                            } else {
                                *byte ^ (1 << below(8))
                            };
                        }
                    }
                    seal(&mut packet);
                    pair.ends[1 - from].sctp.handle_packet(Bytes::from(packet), pair.now);
                }
            }
            pair.ends.iter_mut().for_each(End::pump);
            pair.ends.iter_mut().for_each(|end| drop(end.events()));
        }
    }
}

#[test]
fn whoever_fills_a_full_buffer_is_not_listened_to_any_more() {
    let mut pair = Pair::connected();
    let id = pair.ends[0].create(named("one"));
    pair.run();
    pair.ends[0].channels.send(id, true, &[7; 1_000], &mut pair.ends[0].sctp, pair.now).unwrap();
    let template = loop {
        let packet = pair.ends[0].poll_transmit(pair.now).unwrap();
        if packet[12] == 0 {
            break packet.to_vec();
        }
    };
    let tsn = u32::from_be_bytes(template[16..20].try_into().unwrap());
    let (mut taken, victim) = (0, &mut pair.ends[1]);

    // The one before all others never comes, and the last one comes first: all that comes then is missing.
    for ahead in std::iter::once(1_000_000).chain(1..100_000_u32) {
        let mut packet = template.clone();
        packet[16..20].copy_from_slice(&(tsn.wrapping_add(ahead)).to_be_bytes());
        packet[22..24].copy_from_slice(&ahead.to_be_bytes()[2..]);
        seal(&mut packet);
        victim.sctp.handle_packet(Bytes::from(packet), pair.now);
        victim.pump();
        while victim.sctp.poll_transmit(pair.now).is_some() {}
        taken += 1_000;
        if victim.sctp.state() == SctpState::Closed {
            break;
        }
    }

    assert!(taken < 20_000_000, "{taken}");
}

#[test]
fn what_is_welcome_is_not_held_against_anybody() {
    let mut pair = Pair::connected();
    let id = pair.ends[0].create(named("one"));
    pair.run();
    for _ in 0..100 {
        for _ in 0..2 {
            pair.ends[0].channels.send(id, true, &vec![7; 60_000], &mut pair.ends[0].sctp, pair.now).unwrap();
        }
        pair.run();
        assert_eq!(pair.ends[1].messages().len(), 2);
        pair.run();
    }

    assert!(pair.ends.iter().all(|end| end.sctp.state() == SctpState::Connected));
}
