//! The machine itself: sessions, links, rooms, and the clock that ends them.
//!
//! What each message does is in `requests`, and in `moderation` if only an admin may send it; how links begin and end is in `links`, how
//! rooms change their topology in `topologies`, and what goes to and comes from the media plane in `forwarding`.

mod checks;
mod forwarding;
mod links;
mod moderation;
mod requests;
mod topologies;

pub use forwarding::MEDIA_COMMANDS_MAX;
pub use moderation::{Moderation, RoomSummary};

use crate::config::Config;
use crate::counters::Counters;
use crate::held::HeldReports;
use crate::id::{LinkId, ParticipantId, RoomName, SessionId};
use crate::media::{MediaAction, MediaCommand};
use crate::message::{
    CloseCode, LeaveReason, LinkState, ParticipantDescription, ServerFrame, ServerMessage, Topology,
    TopologyReason,
};
use crate::random::IdSource;
use crate::room::Room;
use crate::session::{Attachment, Place, SessionKey, SignalSession};
use moim_wire::Deadline;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// All rooms, participants and signal sessions of one server.
///
/// Inputs (`handle_*`, [`Self::drain`]) may follow one another freely; what is to be done in consequence is taken with
/// [`Self::poll_output`] until it returns `None`.
#[derive(Debug)]
pub struct SignalServer {
    config: Config,
    ids: IdSource,
    next_key: u64,
    sessions: BTreeMap<SessionKey, SignalSession>,
    by_id: BTreeMap<SessionId, SessionKey>,
    links: BTreeMap<LinkId, SessionKey>,
    rooms: BTreeMap<RoomName, Room>,
    /// One entry for each session: when to look at it next. It may be early, never late.
    timers: BTreeSet<(Instant, SessionKey)>,
    /// One entry for each room whose topology changes with time alone: when to look at it next.
    room_timers: BTreeSet<(Instant, RoomName)>,
    /// Rooms in which something happened during the present input that their topology may depend on.
    stirred: BTreeSet<RoomName>,
    /// Set once: when every link is closed.
    drain_ends: Option<Instant>,
    /// Sessions whose outbox ran over during the present input; dropped at its end, so that nothing recurses.
    slow_consumers: Vec<SessionKey>,
    outputs: VecDeque<Output>,
    /// How many of the outputs are for the media plane.
    media_waiting: usize,
    counters: Counters,
    /// The moment of the last input: what `poll_timeout` answers while output is waiting.
    last_now: Option<Instant>,
}

/// What a driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send `frame` on `link`.
    Send {
        /// Where.
        link: LinkId,
        /// What.
        frame: ServerFrame,
    },
    /// Close `link` once everything sent on it is out. Nothing more is wanted of it.
    Close {
        /// Which.
        link: LinkId,
    },
    /// Tell the media plane.
    Media(MediaCommand),
    /// Something an operator may want to know of.
    Event(Event),
}

/// What happened, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A room came into being.
    RoomOpened {
        /// Which.
        room: RoomName,
    },
    /// A room is gone.
    RoomClosed {
        /// Which.
        room: RoomName,
    },
    /// A participant entered.
    Joined {
        /// Where.
        room: RoomName,
        /// Who.
        participant: ParticipantId,
        /// The identity that the token vouches for.
        identity: Option<String>,
        /// What they are called.
        name: String,
    },
    /// A participant is gone.
    Left {
        /// From where.
        room: RoomName,
        /// Who.
        participant: ParticipantId,
        /// The identity that the token vouches for.
        identity: Option<String>,
        /// What they were called.
        name: String,
        /// Why.
        reason: LeaveReason,
    },
    /// Media travels in another way, or the same for another reason.
    TopologyChanged {
        /// Where.
        room: RoomName,
        /// How it travels from here on.
        topology: Topology,
        /// Why so.
        reason: TopologyReason,
    },
    /// A session lost its link and may be resumed.
    Interrupted {
        /// Which.
        session: SessionId,
    },
    /// A session goes on over a new link.
    Resumed {
        /// Which.
        session: SessionId,
        /// Messages sent again.
        replayed: usize,
    },
    /// A session is gone and cannot be resumed any more.
    SessionEnded {
        /// Which.
        session: SessionId,
    },
    /// The server closed a link.
    LinkClosed {
        /// Which.
        link: LinkId,
        /// Why.
        code: CloseCode,
    },
}

impl SignalServer {
    /// A server without rooms. Ids and session secrets come from `seed`, which must be unguessable outside of tests.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            ids: IdSource::new(seed),
            next_key: 0,
            sessions: BTreeMap::new(),
            by_id: BTreeMap::new(),
            links: BTreeMap::new(),
            rooms: BTreeMap::new(),
            timers: BTreeSet::new(),
            room_timers: BTreeSet::new(),
            stirred: BTreeSet::new(),
            drain_ends: None,
            slow_consumers: Vec::new(),
            outputs: VecDeque::new(),
            media_waiting: 0,
            counters: Counters::default(),
            last_now: None,
        }
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if matches!(output, Output::Media(_)) {
            self.media_waiting -= 1;
        }
        Some(output)
    }

    /// When to call [`Self::handle_timeout`]; at once while output is waiting.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.outputs.is_empty() {
            return self.last_now.map(|now| Deadline::new(now, "signal output is waiting"));
        }
        let session = self.timers.first().map(|(at, _)| Deadline::new(*at, "a signal session falls silent"));
        let room = self.room_timers.first().map(|(at, _)| Deadline::new(*at, "a topology is due"));
        let drain = self.drain_ends.filter(|_| !self.is_drained());
        let drain = drain.map(|at| Deadline::new(at, "the grace time of a shutdown ends"));
        Deadline::soonest(Deadline::soonest(session, room), drain)
    }

    /// Looks at whatever is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.last_now = Some(now);
        while let Some((at, key)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, key));
            self.look_at(key, now);
        }
        while let Some((at, room)) = self.room_timers.first().cloned().filter(|(at, _)| *at <= now) {
            self.room_timers.remove(&(at, room.clone()));
            self.stirred.insert(room);
        }
        self.finish(now);
        if self.drain_ends.is_some_and(|at| at <= now) {
            self.shut_down();
        }
    }

    /// Begins to shut down: everybody is told, nobody new is let in, and after `grace`, or as soon as no room is left,
    /// every link is closed. Called again, it can only shorten the grace.
    pub fn drain(&mut self, grace: Duration, now: Instant) {
        self.last_now = Some(now);
        if let Some(ends) = self.drain_ends {
            self.drain_ends = Some(ends.min(now + grace));
            return;
        }
        self.drain_ends = Some(now + grace);
        let grace_ms = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
        let keys: Vec<_> = self.sessions.keys().copied().collect();
        for key in keys {
            self.send(key, ServerMessage::Draining { grace_ms });
        }
        self.finish(now);
        self.finish_drain();
    }

    /// Whether a shutdown has come to its end: no session is left.
    pub fn is_drained(&self) -> bool {
        self.drain_ends.is_some() && self.sessions.is_empty()
    }

    /// Totals since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many sessions there are, those waiting to be resumed included.
    pub fn sessions_len(&self) -> usize {
        self.sessions.len()
    }

    /// How many rooms there are.
    pub fn rooms_len(&self) -> usize {
        self.rooms.len()
    }

    /// How many participants there are in all rooms.
    pub fn participants_len(&self) -> usize {
        self.rooms.values().map(Room::len).sum()
    }

    /// Ends an input: drops the sessions that do not read, and looks at the rooms where something happened. Telling others of either may fill
    /// the outbox of the next one, hence the loop.
    fn finish(&mut self, now: Instant) {
        loop {
            if let Some(key) = self.slow_consumers.pop() {
                self.drop_session(key, CloseCode::SlowConsumer, "You do not read what is sent to you.");
            } else if let Some(room) = self.stirred.pop_first() {
                self.review(&room, now);
            } else {
                return;
            }
        }
    }

    /// Sets a session's timer to when it expires unless something happens before.
    fn set_timer(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        self.timers.remove(&(session.timer, key));
        session.timer = session.expires_at(&self.config);
        self.timers.insert((session.timer, key));
    }

    /// A session's timer went off: it is overdue, or it was heard of since and the timer is set anew.
    fn look_at(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get(&key) else { return };
        let expires_at = session.expires_at(&self.config);
        if expires_at > now {
            self.set_timer(key);
            return;
        }
        match session.attachment {
            Attachment::Linked { .. } => {
                self.close_link(
                    key,
                    CloseCode::Timeout,
                    "Nothing was heard for too long. Connect again and resume.",
                );
                self.detach(key, now);
            }
            Attachment::Detached { .. } => self.end_session(key, LeaveReason::TimedOut),
        }
    }

    /// Sends a message to a session: at once if it is linked, later if it is resumed.
    fn send(&mut self, key: SessionKey, message: ServerMessage) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        self.counters.messages_out += 1;
        let Ok(seq) = session.outbox.push(message.clone(), &self.config) else {
            self.slow_consumers.push(key);
            return;
        };
        if let Some(link) = session.link() {
            session.acknowledged = session.received;
            let frame = ServerFrame::Message { seq, ack: session.received, body: message };
            self.outputs.push_back(Output::Send { link, frame });
        }
    }

    /// Sends a message to everybody in a room, or to everybody else.
    fn broadcast(&mut self, room: &RoomName, except: Option<&ParticipantId>, message: &ServerMessage) {
        let Some(members) = self.rooms.get(room).map(|room| room.sessions(except)) else { return };
        for member in members {
            self.send(member, message.clone());
        }
    }

    /// Tells a room how one of its participants is now.
    fn announce(&mut self, room: &RoomName, participant: ParticipantDescription) {
        self.broadcast(room, None, &ServerMessage::ParticipantUpdated { participant });
    }

    /// Notes that a participant can, or cannot, be reached, and tells the others.
    fn set_link_state(&mut self, key: SessionKey, link: LinkState) {
        let Some(place) = self.place_of(key) else { return };
        let participant = self
            .rooms
            .get_mut(&place.room)
            .and_then(|room| room.participant_mut(&place.participant))
            .and_then(|participant| participant.set_link(link).then(|| participant.description.clone()));
        if let Some(participant) = participant {
            let message = ServerMessage::ParticipantUpdated { participant };
            self.broadcast(&place.room, Some(&place.participant), &message);
        }
    }

    /// Takes a session's participant out of its room, if it is in one, and tells the others.
    fn leave_room(&mut self, key: SessionKey, reason: LeaveReason) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let Some(Place { room: name, participant }) = session.place.take() else { return };
        session.held = HeldReports::default();
        let Some(room) = self.rooms.get_mut(&name) else { return };
        let Some(gone) = room.participant(&participant) else { return };
        let (identity, called) = (gone.description.identity.clone(), gone.description.name.clone());
        let new_host = room.leave(&participant);
        let is_over = room.is_empty();
        self.tell_media(&name, &participant, || MediaAction::Leave);
        self.event(Event::Left {
            room: name.clone(),
            participant: participant.clone(),
            identity,
            name: called,
            reason,
        });
        if is_over {
            self.forget_room(&name);
            self.event(Event::RoomClosed { room: name });
            self.finish_drain();
            return;
        }
        self.broadcast(&name, None, &ServerMessage::ParticipantLeft { participant, reason });
        if let Some(host) = new_host {
            let permissions = host.permissions;
            self.tell_media(&name, &host.id, || MediaAction::Permit { permissions });
            self.announce(&name, host);
        }
        self.stirred.insert(name);
    }

    /// Once nobody is in a call any more, there is nothing to wait for.
    fn finish_drain(&mut self) {
        if self.drain_ends.is_some() && self.rooms.is_empty() {
            self.shut_down();
        }
    }

    /// Closes every link and forgets every session and room.
    fn shut_down(&mut self) {
        let keys: Vec<_> = self.sessions.keys().copied().collect();
        for key in keys {
            self.close_link(
                key,
                CloseCode::ServerShutdown,
                "The server is going away. Connect again in a moment.",
            );
        }
        self.sessions.clear();
        for session in std::mem::take(&mut self.by_id).into_keys() {
            self.event(Event::SessionEnded { session });
        }
        self.timers.clear();
        for (name, room) in std::mem::take(&mut self.rooms) {
            for participant in room.ids() {
                self.tell_media(&name, &participant, || MediaAction::Leave);
            }
            self.event(Event::RoomClosed { room: name });
        }
        self.room_timers.clear();
        self.stirred.clear();
    }

    fn place_of(&self, key: SessionKey) -> Option<Place> {
        self.sessions.get(&key)?.place.clone()
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
