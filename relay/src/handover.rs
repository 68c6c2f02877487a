//! Packets that go from one shard to another: for a relayed address that the other one holds, from a client whose
//! allocation it holds, or for its tenant.
//!
//! Bytes are copied once, into a bundle: a buffer that takes all that a turn has for one other shard, and comes back to
//! where it was made once it is empty. Trains stay trains.

use crate::mailbox::{Bell, Mailbox, mailbox};
use crate::tenant::{Asked, ParcelHeader};
use moim_turn::{FiveTuple, RealmId, ShardId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How many bundles a shard makes. They are all it takes to keep every other shard busy for a moment; if there is none left,
/// the others do not keep up, and packets are dropped.
const BUNDLES_MAX: usize = 64;

/// From how many bytes on a bundle is sent before the turn is over. The longest train fits behind.
const BUNDLE_FULL_LEN: usize = 64 * 1024;

/// How many bytes of a longer run go behind each other as one train, unless one packet alone is longer.
const TRAIN_LEN_MAX: usize = 64 * 1024;

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
    /// They are for the tenant of the other shard.
    ForTenant {
        /// Between whom they went.
        five_tuple: FiveTuple,
        /// What it is asked about them.
        asked: Asked,
        /// Whether they come from a relayed transport address of the process, which the shard that passes them on holds.
        is_relayed: bool,
    },
    /// There are none: from now on, the tenant of the shard that says so has what comes from somewhere, or has it no longer.
    Detour {
        /// From where to where.
        five_tuple: FiveTuple,
        /// Whether it has.
        is_wanted: bool,
    },
    /// They are what one tenant has for another.
    Parcel {
        /// What it says of them.
        header: ParcelHeader,
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

    fn push(&mut self, handover: Handover, (bytes, segment_len): (&[u8], usize), traffic_class: u8) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let len = bytes.len();
        if let Some(train) = self.trains.last_mut()
            && train.handover == handover
            && train.traffic_class == traffic_class
            && train.len % train.segment_len.max(1) == 0
            && len > 0
            && (segment_len == train.segment_len || len <= segment_len.min(train.segment_len))
        {
            train.len += len;
            return;
        }
        self.trains.push(HandedTrain { handover, start, len, segment_len, traffic_class });
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
        self.hand_over_train(to, handover, (packet, packet.len()), traffic_class);
    }

    /// Does so with packets that lie one after the other, each so long, the last perhaps shorter; how many they are.
    pub(crate) fn hand_over_train(
        &mut self,
        to: ShardId,
        handover: Handover,
        (bytes, segment_len): (&[u8], usize),
        traffic_class: u8,
    ) -> usize {
        let step = segment_len.max(1);
        let piece_len = (TRAIN_LEN_MAX / step).max(1) * step;
        let empty = bytes.is_empty().then_some(bytes);
        for piece in empty.into_iter().chain(bytes.chunks(piece_len)) {
            self.hand_over_piece(to, handover, (piece, segment_len), traffic_class);
        }
        bytes.len().div_ceil(step).max(1)
    }

    fn hand_over_piece(
        &mut self,
        to: ShardId,
        handover: Handover,
        (bytes, segment_len): (&[u8], usize),
        traffic_class: u8,
    ) {
        let packets = bytes.len().div_ceil(segment_len.max(1)).max(1) as u64;
        let at = usize::from(to.0);
        let Some(post) = self.posts.get(at) else {
            self.dropped += packets;
            return;
        };
        if post.open.as_ref().is_some_and(Bundle::is_full) {
            self.send_to(at);
        }
        if self.posts[at].open.is_none() {
            let bundle = self.empty_bundle();
            self.posts[at].open = bundle;
        }
        match &mut self.posts[at].open {
            Some(bundle) => bundle.push(handover, (bytes, segment_len), traffic_class),
            None => self.dropped += packets,
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
    fn trains_arrive_as_they_were_and_join_those_that_go_on() {
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Bell::new().unwrap())).collect();
        let mut exchanges = exchanges(&bells);
        let (one, other) = (relayed(1), relayed(2));

        let handed: Vec<_> = [
            (one, &b"aabb"[..], 2),
            (one, b"ccd", 2),
            (one, b"ee", 2),
            (one, b"f", 1),
            (other, b"gghh", 2),
            (other, b"ij", 1),
            (other, b"", 0),
        ]
        .into_iter()
        .map(|(handover, bytes, len)| exchanges[0].hand_over_train(ShardId(1), handover, (bytes, len), 0))
        .collect();
        exchanges[0].send();

        assert_eq!(handed, [2, 2, 1, 1, 2, 2, 1]);
        let bundle = exchanges[1].receive().unwrap();
        let trains: Vec<_> = bundle
            .trains
            .iter()
            .map(|train| (train.handover, &bundle.bytes[train.start..][..train.len], train.segment_len))
            .collect();
        let expected = [
            (one, &b"aabbccd"[..], 2),
            (one, b"eef", 2),
            (other, b"gghh", 2),
            (other, b"ij", 1),
            (other, b"", 0),
        ];
        assert_eq!(trains, expected);
        assert_eq!(bundle.packets(), 11);
    }

    #[test]
    fn a_run_that_is_longer_than_any_train_makes_no_bundle_longer() {
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Bell::new().unwrap())).collect();
        let mut exchanges = exchanges(&bells);
        let run: Vec<u8> = (0..400_001_usize).map(|at| u8::try_from(at % 251).unwrap()).collect();

        let handed = exchanges[0].hand_over_train(ShardId(1), relayed(1), (&run, 1_200), 0);
        exchanges[0].send();

        assert_eq!(handed, 334);
        let bundles: Vec<_> = std::iter::from_fn(|| exchanges[1].receive()).collect();
        assert!(bundles.iter().all(|bundle| bundle.bytes.len() <= BUNDLE_FULL_LEN + TRAIN_LEN_MAX));
        assert_eq!(bundles.iter().map(Bundle::packets).sum::<usize>(), 334);
        assert_eq!(bundles.iter().flat_map(|bundle| bundle.bytes.clone()).collect::<Vec<_>>(), run);
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
