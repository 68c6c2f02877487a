//! How links begin, what is heard on them, and how they end.

use crate::held::HeldReports;
use crate::id::LinkId;
use crate::message::{
    ClientFrame, ClientMessage, CloseCode, ErrorCode, FrameError, Grants, Hello, LeaveReason, LinkState,
    PROTOCOL_VERSION, Resume, ServerFrame, ServerMessage,
};
use crate::rate::{RateLimit, Verdict};
use crate::server::checks::Refusal;
use crate::server::{Event, Output, SignalServer};
use crate::session::{Attachment, Outbox, SessionKey, SignalSession};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

impl SignalServer {
    /// A link begins with `hello`. `grants` is what its token allows, or why it allows nothing; that matters only if a new
    /// session is begun, since a resumed one goes on with what it has.
    pub fn handle_hello(
        &mut self,
        link: LinkId,
        hello: &Hello,
        grants: Result<Grants, CloseCode>,
        now: Instant,
    ) {
        self.last_now = Some(now);
        if hello.version != PROTOCOL_VERSION {
            let text =
                format!("This server speaks version {PROTOCOL_VERSION} of the protocol. Update the client.");
            self.refuse_link(link, CloseCode::UnsupportedVersion, &text);
            return;
        }
        if let Some(key) = hello.resume.as_ref().and_then(|resume| self.find_resumable(resume)) {
            self.resume(key, link, now);
            self.finish(now);
            return;
        }
        match grants {
            Ok(grants) => self.begin_session(link, grants, now),
            Err(code) => self.refuse_link(link, code, refusal_text(code)),
        }
    }

    /// A frame after `hello`, as the link's task could or could not read it.
    pub fn handle_frame(&mut self, link: LinkId, frame: Result<ClientFrame, FrameError>, now: Instant) {
        self.last_now = Some(now);
        let Some(&key) = self.links.get(&link) else {
            self.counters.late_frames += 1;
            return;
        };
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.attachment = Attachment::Linked { link, heard: now };
        let verdict = match &frame {
            // How much there is to acknowledge is up to others: a client must not be cut off for doing it.
            Ok(ClientFrame::Ack { ack }) if session.outbox.is_news(*ack) => Verdict::Allowed,
            Ok(_) | Err(_) => session.rate.take(now),
        };
        if verdict == Verdict::Flooding {
            self.drop_session(key, CloseCode::Flood, "You sent far more than is allowed.");
            self.finish(now);
            return;
        }
        match frame {
            Ok(ClientFrame::Message { seq, ack, body }) => {
                self.handle_ack(key, ack);
                self.handle_sequenced(key, seq, verdict, Ok(body), now);
            }
            Err(FrameError::Body { seq, ack, code, detail }) => {
                self.handle_ack(key, ack);
                self.handle_sequenced(key, seq, verdict, Err(Refusal::new(code, detail)), now);
                self.count_bad_frame(key);
            }
            Ok(ClientFrame::Ack { ack }) => self.handle_ack(key, ack),
            Ok(ClientFrame::Ping { ack }) => {
                self.handle_ack(key, ack);
                self.pong(key);
            }
            Ok(ClientFrame::Hello(_)) => {
                self.reject(
                    key,
                    ErrorCode::Malformed,
                    "hello is the first frame of a link, and only that".into(),
                );
            }
            Err(FrameError::Frame { code, detail }) => {
                self.reject(key, code, detail);
                if code == ErrorCode::TooLarge {
                    self.drop_session(key, CloseCode::ProtocolError, "A frame was too large.");
                }
            }
        }
        self.acknowledge(key);
        self.finish(now);
    }

    /// A link is gone. Its session waits to be resumed.
    pub fn handle_link_closed(&mut self, link: LinkId, now: Instant) {
        self.last_now = Some(now);
        if let Some(key) = self.links.remove(&link) {
            self.detach(key, now);
        }
        self.finish(now);
    }

    /// A link is gone, and its client said that it will not come back: the page was closed. Its session ends.
    pub fn handle_client_gone(&mut self, link: LinkId, now: Instant) {
        self.last_now = Some(now);
        if let Some(key) = self.links.remove(&link) {
            self.end_session(key, LeaveReason::Left);
        }
        self.finish(now);
    }

    fn find_resumable(&mut self, resume: &Resume) -> Option<SessionKey> {
        let found = self.by_id.get(&resume.session).copied().filter(|key| {
            self.sessions.get_mut(key).is_some_and(|session| {
                let secret_fits: bool =
                    session.secret.as_str().as_bytes().ct_eq(resume.secret.as_str().as_bytes()).into();
                secret_fits && session.outbox.acknowledge(resume.ack).is_ok()
            })
        });
        if found.is_none() {
            self.counters.resumes_refused += 1;
        }
        found
    }

    fn resume(&mut self, key: SessionKey, link: LinkId, now: Instant) {
        self.close_link(key, CloseCode::Replaced, "Another link took over this session.");
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.attachment = Attachment::Linked { link, heard: now };
        session.bad_frames = 0;
        session.acknowledged = session.received;
        let id = session.id.clone();
        let ack = session.received;
        let missed: Vec<_> = session
            .outbox
            .unacknowledged()
            .map(|(seq, body)| ServerFrame::Message { seq, ack, body: body.clone() })
            .collect();

        // The one that is set may be for the end of a resume window, and later than this link's silence may last.
        self.set_timer(key);
        self.links.insert(link, key);
        self.counters.sessions_resumed += 1;
        self.event(Event::Resumed { session: id, replayed: missed.len() });
        self.welcome(key, true);
        self.outputs.extend(missed.into_iter().map(|frame| Output::Send { link, frame }));
        self.release_reports(key);
        self.set_link_state(key, LinkState::Connected);
    }

    fn begin_session(&mut self, link: LinkId, grants: Grants, now: Instant) {
        if self.drain_ends.is_some() {
            self.refuse_link(link, CloseCode::ServerShutdown, refusal_text(CloseCode::ServerShutdown));
            return;
        }
        if self.sessions.len() >= self.config.sessions_max {
            self.refuse_link(link, CloseCode::ServerFull, refusal_text(CloseCode::ServerFull));
            return;
        }
        let key = SessionKey(self.next_key);
        self.next_key += 1;
        let session = SignalSession {
            id: self.ids.session_id(),
            secret: self.ids.session_secret(),
            grants,
            attachment: Attachment::Linked { link, heard: now },
            timer: now,
            place: None,
            outbox: Outbox::new(),
            held: HeldReports::default(),
            rate: RateLimit::new(self.config.frame_rate_max, self.config.frame_burst_max, now),
            received: 0,
            acknowledged: 0,
            bad_frames: 0,
        };
        self.by_id.insert(session.id.clone(), key);
        self.sessions.insert(key, session);
        self.set_timer(key);
        self.links.insert(link, key);
        self.counters.sessions_started += 1;
        self.welcome(key, false);
    }

    fn welcome(&mut self, key: SessionKey, resumed: bool) {
        let Some(session) = self.sessions.get(&key) else { return };
        let Some(link) = session.link() else { return };
        let frame = ServerFrame::Welcome {
            session: session.id.clone(),
            secret: session.secret.clone(),
            resumed,
            ack: session.received,
            heartbeat_ms: millis(self.config.heartbeat),
            resume_window_ms: millis(self.config.resume_window),
            open: self.config.open,
            limits: self.config.limits.clone(),
        };
        self.outputs.push_back(Output::Send { link, frame });
    }

    /// A message in its turn is handled; one that came before is not handled again.
    fn handle_sequenced(
        &mut self,
        key: SessionKey,
        seq: u32,
        verdict: Verdict,
        body: Result<ClientMessage, Refusal>,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if seq <= session.received {
            self.counters.duplicates += 1;
            // The client sends it again because it does not know; tell it, even though it was told before.
            session.acknowledged = 0;
            return;
        }
        if seq - session.received > 1 {
            self.close_link(
                key,
                CloseCode::SequenceGap,
                "A sequence number was skipped. Connect again and resume.",
            );
            self.detach(key, now);
            return;
        }
        session.received = seq;
        self.counters.messages_in += 1;
        let outcome = match verdict {
            Verdict::Allowed => body.and_then(|message| self.handle_message(key, message, now)),
            Verdict::Limited | Verdict::Flooding => Err(Refusal::new(
                ErrorCode::RateLimited,
                format!(
                    "You send more than {} messages a second. This one was dropped: wait a moment and send it again.",
                    self.config.frame_rate_max
                ),
            )),
        };
        if let Err(Refusal { code, message }) = outcome {
            self.counters.count_refused(code);
            self.send(key, ServerMessage::Error { request: seq, code, message });
        }
    }

    fn handle_ack(&mut self, key: SessionKey, ack: u32) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.outbox.acknowledge(ack).is_err() {
            self.reject(key, ErrorCode::InvalidArgument, format!("ack {ack} is of a message never sent"));
        } else {
            self.release_reports(key);
        }
    }

    fn pong(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let Some(link) = session.link() else { return };
        session.acknowledged = session.received;
        self.outputs.push_back(Output::Send { link, frame: ServerFrame::Pong { ack: session.received } });
    }

    /// Tells the client what was handled, unless something sent to it said so already.
    fn acknowledge(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let Some(link) = session.link() else { return };
        if session.acknowledged < session.received {
            session.acknowledged = session.received;
            self.outputs.push_back(Output::Send { link, frame: ServerFrame::Ack { ack: session.received } });
        }
    }

    /// Refuses a frame as a whole.
    fn reject(&mut self, key: SessionKey, code: ErrorCode, message: String) {
        self.counters.count_refused(code);
        if let Some(link) = self.sessions.get(&key).and_then(SignalSession::link) {
            self.outputs.push_back(Output::Send { link, frame: ServerFrame::Rejected { code, message } });
        }
        self.count_bad_frame(key);
    }

    fn count_bad_frame(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.bad_frames += 1;
        if session.bad_frames > self.config.bad_frames_max {
            self.drop_session(key, CloseCode::ProtocolError, "Too many frames could not be read.");
        }
    }

    /// Closes the link of a session, if it has one; the session itself stays as it is.
    pub(super) fn close_link(&mut self, key: SessionKey, code: CloseCode, message: &str) {
        // A link that is being closed is not known any more: dropping the last session of a drain ends in closing all.
        let link = self.sessions.get(&key).and_then(SignalSession::link);
        if let Some(link) = link.filter(|link| self.links.contains_key(link)) {
            self.refuse_link(link, code, message);
        }
    }

    fn refuse_link(&mut self, link: LinkId, code: CloseCode, message: &str) {
        self.links.remove(&link);
        self.counters.count_closed(code);
        let frame = ServerFrame::Close { code, retry: code.is_retryable(), message: message.to_owned() };
        self.outputs.push_back(Output::Send { link, frame });
        self.outputs.push_back(Output::Close { link });
        self.event(Event::LinkClosed { link, code });
    }

    /// Notes that a session has no link, and lets the others in its room know.
    pub(super) fn detach(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.attachment = Attachment::Detached { since: now };
        let id = session.id.clone();
        self.set_timer(key);
        self.event(Event::Interrupted { session: id });
        self.set_link_state(key, LinkState::Interrupted);
    }

    /// Ends a session that misbehaved, and says so on its link.
    pub(super) fn drop_session(&mut self, key: SessionKey, code: CloseCode, message: &str) {
        self.close_link(key, code, message);
        self.end_session(key, LeaveReason::Dropped);
    }

    /// Forgets a session; its participant leaves.
    pub(super) fn end_session(&mut self, key: SessionKey, reason: LeaveReason) {
        self.leave_room(key, reason);
        if let Some(session) = self.sessions.remove(&key) {
            self.by_id.remove(&session.id);
            self.timers.remove(&(session.timer, key));
            if let Some(link) = session.link() {
                self.links.remove(&link);
            }
            self.event(Event::SessionEnded { session: session.id });
        }
    }
}

fn refusal_text(code: CloseCode) -> &'static str {
    match code {
        CloseCode::TokenMissing => {
            "This server needs a token. Ask whoever invited you for a link that has one."
        }
        CloseCode::TokenInvalid => "The token is not one of this server's. Ask for a new one.",
        CloseCode::TokenExpired => "The token's time has passed. Ask for a new one.",
        CloseCode::ServerFull => "The server has as many clients as it takes. Try again in a moment.",
        CloseCode::ServerShutdown => "The server is going away. Connect again in a moment.",
        CloseCode::BadHello
        | CloseCode::UnsupportedVersion
        | CloseCode::ProtocolError
        | CloseCode::SequenceGap
        | CloseCode::Flood
        | CloseCode::SlowConsumer
        | CloseCode::Timeout
        | CloseCode::Replaced => "The link cannot begin.",
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
