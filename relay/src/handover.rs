//! Packets that go from one shard to another: for a relayed address that the other one holds, or from a client whose
//! allocation it holds.
//!
//! Bytes are copied once, into a bundle: a buffer that takes all that a turn has for one other shard, and comes back to
//! where it was made once it is empty. Trains stay trains.

use crate::mailbox::{Bell, Mailbox, mailbox};
use moim_turn::{FiveTuple, RealmId, ShardId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How many bundles a shard makes. They are all it takes to keep every other shard busy for a moment; if there is none left,
/// the others do not keep up, and packets are dropped.
const BUNDLES_MAX: usize = 64;

/// From how many bytes on a bundle is sent before the turn is over. The longest train fits behind.
const BUNDLE_FULL_LEN: usize = 64 * 1024;

/// From how many trains on a bundle is sent before the turn is over. Packets may be empty, so that bytes alone bound nothing.
const BUNDLE_FULL_TRAINS: usize = 2048;

/// What is to be done with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    /// They go from one relayed transport address of the process to another one.
    Relayed {
        /// The one they come from, as peers see it.
        from: SocketAddr,
        /// The one they are for.
        to: SocketAddr,
    },
    /// There are none: a client on DTLS is gone, whose allocation the other shard may have.
    ClientGone {
        /// Which one.
        five_tuple: FiveTuple,
    },
    /// They come from a client.
    FromClient {
        /// Which one.
        five_tuple: FiveTuple,
        /// The realm of the listener they came to.
        realm: RealmId,
    },
    /// They are for a client on DTLS, whose session the other shard has.
    ToClient {
        /// Which one.
        five_tuple: FiveTuple,
    },
}

/// Packets of one length that go the same way; the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandedTrain {
    /// What is to be done with them.
    pub(crate) handover: Handover,
    /// Where they begin in the bundle.
    pub(crate) start: usize,
    /// How long they are together.
    pub(crate) len: usize,
    /// How long each of them is.
    pub(crate) segment_len: usize,
    /// What their IP headers said.
    pub(crate) traffic_class: u8,
}

/// Packets on their way to another shard.
#[derive(Debug)]
pub(crate) struct Bundle {
    maker: ShardId,
    pub(crate) bytes: Vec<u8>,
    pub(crate) trains: Vec<HandedTrain>,
}

impl Bundle {
    /// Whom it is from.
    pub(crate) fn maker(&self) -> ShardId {
        self.maker
    }

    /// How many packets.
    pub(crate) fn packets(&self) -> usize {
        self.trains.iter().map(HandedTrain::packets).sum()
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BUNDLE_FULL_LEN || self.trains.len() >= BUNDLE_FULL_TRAINS
    }

    fn push(&mut self, handover: Handover, packet: &[u8], traffic_class: u8) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packet);
        if let Some(train) = self.trains.last_mut()
            && train.handover == handover
            && train.traffic_class == traffic_class
            && train.len % train.segment_len.max(1) == 0
            && (1..=train.segment_len).contains(&packet.len())
        {
            train.len += packet.len();
            return;
        }
        let len = packet.len();
        self.trains.push(HandedTrain { handover, start, len, segment_len: len, traffic_class });
    }
}

/// What a shard needs to exchange bundles with the others.
#[derive(Debug)]
pub(crate) struct Exchange {
    own: ShardId,
    /// To each shard, by its number.
    posts: Vec<Post>,
    /// Emptied bundles on their way back to each shard.
    returns: Vec<SyncSender<Bundle>>,
    inbox: Receiver<Bundle>,
    returned: Receiver<Bundle>,
    made: usize,
    spare: Vec<Bundle>,
    /// Packets that were dropped because the others do not keep up.
    dropped: u64,
}

#[derive(Debug)]
struct Post {
    mailbox: Mailbox<Bundle>,
    /// What this turn has for the shard.
    open: Option<Bundle>,
}

/// One exchange for each shard, by its bell.
pub(crate) fn exchanges(bells: &[Arc<Bell>]) -> Vec<Exchange> {
    let capacity = BUNDLES_MAX * bells.len();
    let (mailboxes, inboxes): (Vec<_>, Vec<_>) = bells.iter().map(|bell| mailbox(capacity, bell)).unzip();
    let (returns, returned): (Vec<_>, Vec<_>) = bells.iter().map(|_| sync_channel(BUNDLES_MAX)).unzip();
    (0_u16..)
        .zip(inboxes.into_iter().zip(returned))
        .map(|(own, (inbox, returned))| Exchange {
            own: ShardId(own),
            posts: mailboxes.iter().map(|mailbox| Post { mailbox: mailbox.clone(), open: None }).collect(),
            returns: returns.clone(),
            inbox,
            returned,
            made: 0,
            spare: Vec::new(),
            dropped: 0,
        })
        .collect()
}

impl Exchange {
    /// Copies a packet for another shard, which gets it when the turn's packets are [sent](Self::send). What there is no room
    /// for is dropped and counted.
    pub(crate) fn hand_over(&mut self, to: ShardId, handover: Handover, packet: &[u8], traffic_class: u8) {
        let is_full = |post: &Post| post.open.as_ref().is_some_and(Bundle::is_full);
        let Some(post) = self.posts.get(usize::from(to.0)) else {
            self.dropped += 1;
            return;
        };
        if is_full(post) {
            self.send_to(usize::from(to.0));
        }
        if self.posts[usize::from(to.0)].open.is_none() {
            let bundle = self.empty_bundle();
            self.posts[usize::from(to.0)].open = bundle;
        }
        match &mut self.posts[usize::from(to.0)].open {
            Some(bundle) => bundle.push(handover, packet, traffic_class),
            None => self.dropped += 1,
        }
    }

    /// Sends what the turn has for other shards.
    pub(crate) fn send(&mut self) {
        for shard in 0..self.posts.len() {
            self.send_to(shard);
        }
    }

    /// Takes what another shard sent.
    pub(crate) fn receive(&self) -> Option<Bundle> {
        self.inbox.try_recv().ok()
    }

    /// Gives a bundle back to who made it.
    pub(crate) fn give_back(&mut self, mut bundle: Bundle) {
        bundle.bytes.clear();
        bundle.trains.clear();
        if bundle.maker == self.own {
            self.spare.push(bundle);
        } else if let Some(returns) = self.returns.get(usize::from(bundle.maker.0)) {
            // There is room for all that a shard makes; if it is no more, its bundles are not wanted.
            let _ = returns.try_send(bundle);
        }
    }

    /// Packets that were dropped because the other shards do not keep up.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn send_to(&mut self, shard: usize) {
        let post = &mut self.posts[shard];
        let Some(bundle) = post.open.take() else { return };
        if let Err(bundle) = post.mailbox.put(bundle) {
            self.dropped += bundle.packets() as u64;
            self.give_back(bundle);
        }
    }

    fn empty_bundle(&mut self) -> Option<Bundle> {
        if let Some(bundle) = self.spare.pop().or_else(|| self.returned.try_recv().ok()) {
            return Some(bundle);
        }
        (self.made < BUNDLES_MAX).then(|| {
            self.made += 1;
            Bundle { maker: self.own, bytes: Vec::new(), trains: Vec::new() }
        })
    }
}

impl HandedTrain {
    fn packets(&self) -> usize {
        self.len.div_ceil(self.segment_len.max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_arrive_in_trains_and_bundles_come_back() {
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Bell::new().unwrap())).collect();
        let mut exchanges = exchanges(&bells);
        let mut second = exchanges.pop().unwrap();
        let mut first = exchanges.pop().unwrap();
        let one = relayed(1);
        let other = relayed(2);

        for round in 0..3 {
            for (handover, packet) in
                [(one, &b"aaa"[..]), (one, b"bbb"), (one, b"c"), (one, b"d"), (other, b""), (other, b"e")]
            {
                first.hand_over(ShardId(1), handover, packet, 0);
            }
            first.send();

            let bundle = second.receive().unwrap();
            assert!(second.receive().is_none());
            let trains: Vec<_> = bundle
                .trains
                .iter()
                .map(|train| (train.handover, &bundle.bytes[train.start..][..train.len], train.segment_len))
                .collect();
            let expected = [(one, &b"aaabbbc"[..], 3), (one, b"d", 1), (other, b"", 0), (other, b"e", 1)];
            assert_eq!(trains, expected, "round {round}");
            second.give_back(bundle);
        }
        assert_eq!((first.made, first.dropped()), (1, 0));
    }

    #[test]
    fn packets_for_a_shard_that_does_not_keep_up_are_dropped_and_counted() {
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Bell::new().unwrap())).collect();
        let mut exchanges = exchanges(&bells);

        for _ in 0..BUNDLES_MAX + 3 {
            exchanges[0].hand_over(ShardId(1), relayed(1), b"x", 0);
            exchanges[0].send();
        }
        exchanges[0].hand_over(ShardId(7), relayed(1), b"there is no such shard", 0);

        assert_eq!(exchanges[0].dropped(), 4);
        let mut arrived = 0;
        while let Some(bundle) = exchanges[1].receive() {
            arrived += bundle.trains.len();
            exchanges[1].give_back(bundle);
        }
        assert_eq!(arrived, BUNDLES_MAX);
        exchanges[0].hand_over(ShardId(1), relayed(1), b"y", 0);
        assert_eq!(exchanges[0].dropped(), 4);
    }

    #[test]
    fn empty_packets_fill_bundles_as_well() {
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Bell::new().unwrap())).collect();
        let mut exchanges = exchanges(&bells);

        for _ in 0..5 * BUNDLE_FULL_TRAINS {
            exchanges[0].hand_over(ShardId(1), relayed(1), b"", 0);
        }
        exchanges[0].send();

        let bundles: Vec<_> = std::iter::from_fn(|| exchanges[1].receive()).collect();
        assert_eq!(bundles.iter().map(Bundle::packets).sum::<usize>(), 5 * BUNDLE_FULL_TRAINS);
        assert!(bundles.iter().all(|bundle| bundle.trains.len() <= BUNDLE_FULL_TRAINS));
    }

    fn relayed(port: u16) -> Handover {
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        Handover::Relayed { from, to: from }
    }
}
