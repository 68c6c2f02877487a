//! Messages that wait for their turn.

use super::*;

/// Two ends with a channel of each of these priorities, named after them.
fn with_priorities<const N: usize>(priorities: [u16; N]) -> (Pair, [DataChannelId; N]) {
    let mut pair = Pair::connected();
    let ids = priorities
        .map(|priority| pair.ends[0].create(DataChannelInit { priority, ..named(&priority.to_string()) }));
    pair.run();
    pair.ends.iter_mut().for_each(|end| drop(end.events()));
    (pair, ids)
}

/// Covers: RFC 8831 §6.4
#[test]
fn a_bulk_transfer_does_not_hold_up_a_channel_that_matters_more() {
    let (mut pair, [bulk, urgent]) = with_priorities([128, 1024]);
    let End { channels, sctp, .. } = &mut pair.ends[0];
    for _ in 0..80 {
        channels.send(bulk, true, &[0; 10_000], sctp, pair.now).unwrap();
    }
    // SCTP has as much as it takes, and the path is full.
    pair.carry();
    pair.order.clear();
    pair.ends[0].text(urgent, "now");

    pair.run();

    // Before it goes what SCTP had been given already: its room, and the end of one message.
    let stream = pair.ends[0].channels.channel(urgent).unwrap().stream.unwrap();
    let before = pair.order.iter().position(|other| *other == stream).unwrap();
    assert!(before <= (16_384 + 10_000) / 1_000, "{before} parts of messages before it");
    assert_eq!(pair.ends[1].messages().len(), 81, "and nothing is lost");
}

/// Covers: RFC 8831 §6.4
#[test]
fn channels_share_the_path_by_their_priorities() {
    let (mut pair, ids) = with_priorities([128, 256, 512, 1024]);
    let End { channels, sctp, .. } = &mut pair.ends[0];
    for _ in 0..150 {
        for id in ids {
            channels.send(id, true, &[0; 1_000], sctp, pair.now).unwrap();
        }
    }

    pair.order.clear();
    pair.run();

    let streams = ids.map(|id| pair.ends[0].channels.channel(id).unwrap().stream.unwrap());
    let sent = |stream| pair.order[..150].iter().filter(|other| **other == stream).count();
    assert_eq!(streams.map(sent), [10, 20, 40, 80]);
    assert_eq!(pair.ends[1].messages().len(), 600);
}

#[test]
fn channels_that_have_messages_are_read_by_turns() {
    let (mut pair, [one, other]) = with_priorities([256, 256]);
    for _ in 0..3 {
        pair.ends[0].text(one, "one");
        pair.ends[0].text(other, "other");
    }
    pair.run();

    assert_eq!(pair.ends[1].messages(), ["one", "other", "one", "other", "one", "other"].map(text));
}

/// Covers: RFC 8831 §6.1
#[test]
fn the_lifetime_of_a_message_goes_on_while_others_are_sent_first() {
    let mut pair = Pair::connected();
    let bulk = pair.ends[0].create(named("bulk"));
    let reliability = Reliability::MaxPacketLifeTime(50);
    let brief = pair.ends[0].create(DataChannelInit { reliability, priority: 1, ..named("brief") });
    pair.run();
    pair.ends[1].events();
    let End { channels, sctp, .. } = &mut pair.ends[0];
    for _ in 0..10 {
        channels.send(bulk, true, &vec![0; 60_000], sctp, pair.now).unwrap();
        channels.send(brief, true, &[0; 1_000], sctp, pair.now).unwrap();
    }

    pair.now += Duration::from_millis(50);
    pair.run();

    let messages = pair.ends[1].messages();
    assert_eq!(messages, vec![DataMessage::Binary(vec![0; 60_000]); 10], "the bulk alone");
    let End { channels, sctp, .. } = &mut pair.ends[0];
    assert_eq!(channels.buffered_amount(brief, sctp), 0);
}

#[test]
fn a_message_of_no_lifetime_is_sent_once() {
    let mut pair = Pair::connected();
    let reliability = Reliability::MaxPacketLifeTime(0);
    let id = pair.ends[0].create(DataChannelInit { reliability, ..named("now or never") });
    pair.run();
    pair.ends[1].events();

    pair.ends[0].text(id, "came");
    pair.now += Duration::from_micros(500);
    pair.run();

    assert_eq!(pair.ends[1].messages(), [text("came")]);
}

#[test]
fn short_messages_do_not_wait_without_number() {
    let mut pair = Pair::connected();
    let [greedy, modest] = ["greedy", "modest"].map(|label| pair.ends[0].create(named(label)));
    pair.run();
    pair.ends[1].events();
    let End { channels, sctp, .. } = &mut pair.ends[0];
    let mut fill = |id, channels: &mut DataChannels| {
        (0..=MESSAGES_MAX).take_while(|_| channels.send(id, true, &[], sctp, pair.now).is_ok()).count()
    };

    assert_eq!(fill(greedy, channels), MESSAGES_MAX);
    assert_eq!(fill(modest, channels), MESSAGES_SHARE, "others have theirs");
}

#[test]
fn a_channel_that_is_closed_sends_what_waits_first() {
    let mut pair = Pair::connected();
    let id = pair.ends[0].create(named("x"));
    pair.run();
    pair.ends[1].events();
    let End { channels, sctp, .. } = &mut pair.ends[0];
    for _ in 0..10 {
        channels.send(id, true, &vec![0; 60_000], sctp, pair.now).unwrap();
    }
    channels.close(id, sctp).unwrap();

    let mut came = Vec::new();
    for _ in 0..4 {
        pair.run();
        came.extend(pair.ends[1].messages());
    }

    assert_eq!(came.len(), 10);
    assert!(pair.ends[0].channels.channel(id).is_none(), "then it is over");
}
