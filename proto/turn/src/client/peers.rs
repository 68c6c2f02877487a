//! Whom the server is to let through, and by which numbers.

use super::purpose::Purpose;
use super::{CHANNELS_MAX, PERMISSIONS_MAX, RequestError, renewal};
use crate::channel_data::ChannelNumber;
use moim_wire::Deadline;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// RFC 8656 §9.
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// RFC 8656 §12.
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// For how long after it was last asked for a channel's number is kept from other peers: its lifetime, the five minutes that
/// RFC 8656 §12 adds, and one for the request on its way.
const CHANNEL_REST: Duration = Duration::from_secs(960);
/// Peers in one CreatePermission: as many as fit, IPv6 all of them, with the credential into a datagram of 1,200 bytes.
const PEERS_PER_REQUEST: usize = 24;

/// Permissions and channels.
#[derive(Debug, Default)]
pub(super) struct Peers {
    permissions: BTreeMap<IpAddr, Permission>,
    /// By their numbers, which begin at [`ChannelNumber::MIN`].
    channels: Vec<Channel>,
    numbers: BTreeMap<SocketAddr, ChannelNumber>,
}

#[derive(Debug)]
struct Permission {
    renewal: Renewal,
    is_wanted: bool,
    /// Until when the server lets the peer through. [`None`]: it has not said yet that it does.
    expires: Option<Instant>,
    /// It is asked for alone, because a request for several was refused.
    is_alone: bool,
}

#[derive(Debug)]
struct Channel {
    peer: SocketAddr,
    renewal: Renewal,
    is_wanted: bool,
    /// Until when the server knows the number. [`None`]: it has not said yet that it does.
    expires: Option<Instant>,
    /// Until when the number is not for other peers.
    rests_until: Instant,
}

/// When something is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    At(Instant),
    UnderWay,
}

impl Renewal {
    fn is_due(self, now: Instant) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }
}

impl Peers {
    pub(super) fn want_permission(&mut self, peer: IpAddr, now: Instant) -> Result<(), RequestError> {
        self.forget_old(now);
        if let Some(permission) = self.permissions.get_mut(&peer) {
            permission.is_wanted = true;
            return Ok(());
        }
        if self.permissions.len() >= PERMISSIONS_MAX {
            return Err(RequestError::LimitReached);
        }
        let permission =
            Permission { renewal: Renewal::At(now), is_wanted: true, expires: None, is_alone: false };
        self.permissions.insert(peer, permission);
        Ok(())
    }

    pub(super) fn drop_permission(&mut self, peer: IpAddr) {
        if let Some(permission) = self.permissions.get_mut(&peer) {
            permission.is_wanted = false;
        }
    }

    pub(super) fn want_channel(
        &mut self,
        peer: SocketAddr,
        now: Instant,
    ) -> Result<ChannelNumber, RequestError> {
        if let Some(number) = self.numbers.get(&peer).copied() {
            self.want_permission(peer.ip(), now)?;
            if let Some(channel) = self.channel_mut(number) {
                channel.is_wanted = true;
            }
            return Ok(number);
        }
        let free = self.channels.iter().position(|channel| channel.is_free(now));
        if free.is_none() && self.channels.len() >= CHANNELS_MAX {
            return Err(RequestError::LimitReached);
        }
        self.want_permission(peer.ip(), now)?;
        let channel =
            Channel { peer, renewal: Renewal::At(now), is_wanted: true, expires: None, rests_until: now };
        let index = if let Some(index) = free {
            self.numbers.remove(&self.channels[index].peer);
            self.channels[index] = channel;
            index
        } else {
            self.channels.push(channel);
            self.channels.len() - 1
        };
        let number = number_at(index);
        self.numbers.insert(peer, number);
        Ok(number)
    }

    pub(super) fn drop_channel(&mut self, peer: SocketAddr) {
        if let Some(number) = self.numbers.get(&peer).copied()
            && let Some(channel) = self.channel_mut(number)
        {
            channel.is_wanted = false;
        }
    }

    /// Whether data may come from the peer: the server may let it through before its answer has arrived.
    pub(super) fn knows(&self, peer: IpAddr) -> bool {
        self.permissions.contains_key(&peer)
    }

    /// Whether the server has said that it lets the peer through.
    pub(super) fn permits(&self, peer: IpAddr, now: Instant) -> bool {
        let expires = self.permissions.get(&peer).and_then(|permission| permission.expires);
        expires.is_some_and(|expires| expires > now)
    }

    /// The number by which data can go to a peer.
    pub(super) fn number_of(&self, peer: SocketAddr, now: Instant) -> Option<ChannelNumber> {
        let number = *self.numbers.get(&peer)?;
        let expires = self.channels.get(index_of(number))?.expires?;
        (expires > now).then_some(number)
    }

    /// The peer that a number stands for. The server may use it before its answer has arrived.
    pub(super) fn peer_of(&self, number: ChannelNumber) -> Option<SocketAddr> {
        self.channels.get(index_of(number)).map(|channel| channel.peer)
    }

    /// What is to be asked for next. It is under way then.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Purpose> {
        for (index, channel) in self.channels.iter_mut().enumerate() {
            if channel.is_wanted && channel.renewal.is_due(now) {
                channel.renewal = Renewal::UnderWay;
                channel.rests_until = now + CHANNEL_REST;
                return Some(Purpose::ChannelBind { number: number_at(index), peer: channel.peer });
            }
        }
        let mut peers = Vec::new();
        for (peer, permission) in &mut self.permissions {
            if !permission.is_wanted || !permission.renewal.is_due(now) {
                continue;
            }
            if permission.is_alone {
                permission.renewal = Renewal::UnderWay;
                return Some(Purpose::CreatePermission { peers: vec![*peer] });
            }
            peers.push(*peer);
            if peers.len() == PEERS_PER_REQUEST {
                break;
            }
        }
        for peer in &peers {
            if let Some(permission) = self.permissions.get_mut(peer) {
                permission.renewal = Renewal::UnderWay;
            }
        }
        (!peers.is_empty()).then_some(Purpose::CreatePermission { peers })
    }

    pub(super) fn due(&self) -> Option<Deadline> {
        let permissions = self.permissions.values().filter(|it| it.is_wanted).map(|it| it.renewal);
        let channels = self.channels.iter().filter(|it| it.is_wanted).map(|it| it.renewal);
        let due = permissions.chain(channels).filter_map(|renewal| match renewal {
            Renewal::At(at) => Some(at),
            Renewal::UnderWay => None,
        });
        due.min().map(|at| Deadline::new(at, "a permission or a channel is to be refreshed"))
    }

    /// The client has moved: what was under way is to be asked for again.
    pub(super) fn ask_again(&mut self, now: Instant) {
        let permissions = self.permissions.values_mut().map(|permission| &mut permission.renewal);
        let channels = self.channels.iter_mut().map(|channel| &mut channel.renewal);
        for renewal in permissions.chain(channels).filter(|renewal| **renewal == Renewal::UnderWay) {
            *renewal = Renewal::At(now);
        }
    }

    /// Whether the peer was not let through before.
    pub(super) fn permitted(&mut self, peer: IpAddr, now: Instant) -> bool {
        let Some(permission) = self.permissions.get_mut(&peer) else { return false };
        permission.renewal = Renewal::At(now + renewal(PERMISSION_LIFETIME));
        permission.is_alone = false;
        permission.expires.replace(now + PERMISSION_LIFETIME).is_none()
    }

    /// The peers of a request that was refused: each is to be asked for alone. `false`: it was.
    pub(super) fn split(&mut self, peers: &[IpAddr], now: Instant) -> bool {
        if peers.len() < 2 {
            return false;
        }
        for peer in peers {
            if let Some(permission) = self.permissions.get_mut(peer) {
                permission.is_alone = true;
                permission.renewal = Renewal::At(now);
            }
        }
        true
    }

    /// Has a permission that the server has given before asked for again. `false`: there is none.
    pub(super) fn renew_permission(&mut self, peer: IpAddr, now: Instant) -> bool {
        let known = self.permissions.get_mut(&peer).filter(|permission| permission.expires.is_some());
        known.map(|permission| permission.renewal = Renewal::At(now)).is_some()
    }

    /// Has a channel that the server has bound before asked for again. `false`: there is none.
    pub(super) fn renew_channel(&mut self, number: ChannelNumber, now: Instant) -> bool {
        let known = self.channel_mut(number).filter(|channel| channel.expires.is_some());
        known.map(|channel| channel.renewal = Renewal::At(now)).is_some()
    }

    /// Whether anybody still wanted it.
    pub(super) fn not_permitted(&mut self, peer: IpAddr) -> bool {
        self.permissions.remove(&peer).is_some_and(|permission| permission.is_wanted)
    }

    /// Whether the channel was not bound before.
    pub(super) fn bound(&mut self, number: ChannelNumber, now: Instant) -> bool {
        let Some(channel) = self.channel_mut(number) else { return false };
        channel.renewal = Renewal::At(now + renewal(CHANNEL_LIFETIME));
        channel.expires.replace(now + CHANNEL_LIFETIME).is_none()
    }

    /// Whether anybody still wanted it. The number goes on resting, since the server may have bound it after all.
    pub(super) fn not_bound(&mut self, number: ChannelNumber, now: Instant) -> bool {
        let Some(channel) = self.channel_mut(number) else { return false };
        channel.expires = None;
        channel.renewal = Renewal::At(now);
        std::mem::take(&mut channel.is_wanted)
    }

    fn channel_mut(&mut self, number: ChannelNumber) -> Option<&mut Channel> {
        self.channels.get_mut(index_of(number))
    }

    /// Forgets permissions that nobody wants and the server has forgotten.
    fn forget_old(&mut self, now: Instant) {
        self.permissions
            .retain(|_, permission| permission.is_wanted || permission.expires.is_some_and(|at| at > now));
    }
}

impl Channel {
    fn is_free(&self, now: Instant) -> bool {
        !self.is_wanted && self.rests_until <= now
    }
}

fn number_at(index: usize) -> ChannelNumber {
    let number = u16::try_from(index).ok().and_then(|index| ChannelNumber::MIN.number().checked_add(index));
    number.and_then(ChannelNumber::new).expect("there are fewer channels than numbers")
}

fn index_of(number: ChannelNumber) -> usize {
    usize::from(number.number() - ChannelNumber::MIN.number())
}
