//! The resources that WHIP and WHEP clients made: one for each participant, until it is deleted or its connection ends.

use super::agent::{Agent, Offer, Refusal};
use super::fragment::{self, Fragment};
use crate::shared::Shared;
use crate::tasks::contained;
use aws_lc_rs::rand;
use axum::http::StatusCode;
use moim_sdp::SessionDescription;
use moim_signal::id::PeerConnectionId;
use moim_signal::message::MidTrack;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Requests about a resource that wait. Clients send one after the other.
const REQUESTS_MAX: usize = 8;
/// Bytes of chance in the name of a resource: who knows it may end it.
const NAME_LEN: usize = 16;

/// All resources of the server. There are never more than signalling sessions.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    by_name: Mutex<HashMap<String, mpsc::Sender<Request>>>,
}

/// What a request about a resource asks for.
#[derive(Debug)]
enum Request {
    Patch { fragment: Fragment, expected: Option<String>, reply: oneshot::Sender<Result<Patched, Refusal>> },
    Delete { reply: oneshot::Sender<()> },
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patched {
    /// Its candidates are known.
    Candidates,
    /// ICE begins anew.
    Restarted {
        /// What the server says of it, as a fragment.
        fragment: String,
        /// The new entity tag.
        etag: String,
    },
}

/// A resource as its task holds it.
pub(super) struct Resource {
    pub(super) agent: Agent,
    pub(super) connection: PeerConnectionId,
    /// The last offer.
    pub(super) offer: SessionDescription,
    pub(super) tracks: Vec<MidTrack>,
}

impl Resources {
    /// Lets a resource live. Returns its name.
    pub(super) fn insert(&self, resource: Resource, shared: &Arc<Shared>) -> Result<String, Refusal> {
        let name = random_name().ok_or_else(|| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The operating system gives no random numbers.")
        })?;
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        self.lock().insert(name.clone(), requests);
        let (task, owner) = (name.clone(), Arc::clone(shared));
        shared.tasks.spawn(async move {
            let closing = owner.closing.clone();
            contained("whip resource", &owner.counters, async move {
                closing.run_until_cancelled(resource.run(inbox)).await;
            })
            .await;
            owner.resources.lock().remove(&task);
        });
        Ok(name)
    }

    /// Hands a fragment to a resource. `expected`: the entity tag that the client knows, if it named one.
    pub(super) async fn patch(
        &self,
        name: &str,
        fragment: Fragment,
        expected: Option<String>,
    ) -> Result<Patched, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(name, Request::Patch { fragment, expected, reply }).await?;
        answer.await.map_err(|_| unknown())?
    }

    /// Ends a resource.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Refusal> {
        let (reply, done) = oneshot::channel();
        self.ask(name, Request::Delete { reply }).await?;
        // Whether it says so or is gone: it has ended.
        let _ = done.await;
        Ok(())
    }

    async fn ask(&self, name: &str, request: Request) -> Result<(), Refusal> {
        let requests = self.lock().get(name).cloned().ok_or_else(unknown)?;
        requests.send(request).await.map_err(|_| unknown())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Request>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resource {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            let request = tokio::select! {
                request = requests.recv() => request,
                () = self.agent.ended() => return,
            };
            match request {
                Some(Request::Patch { fragment, expected, reply }) => {
                    // Whoever asked may have gone.
                    let _ = reply.send(self.patch(fragment, expected.as_deref()).await);
                }
                Some(Request::Delete { reply }) => {
                    drop(self);
                    let _ = reply.send(());
                    return;
                }
                None => return,
            }
        }
    }

    async fn patch(&mut self, fragment: Fragment, expected: Option<&str>) -> Result<Patched, Refusal> {
        let present = fragment::ufrag(&self.offer);
        let restart = fragment.credentials.as_ref().filter(|(ufrag, _)| Some(ufrag) != present.as_ref());
        // RFC 9725 §4.3.1: a restart is for whatever there is, candidates are for the generation that they name.
        if expected.is_some_and(|expected| expected != "*" && expected != etag(&self.offer)) {
            let message = "ICE has begun anew since: the fragment is for a generation that is over.";
            return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, message));
        }
        let Some((ufrag, password)) = restart else {
            self.take_candidates(fragment).await?;
            return Ok(Patched::Candidates);
        };
        let offer = fragment::restarted(&self.offer, ufrag, password)?;
        let answer = self
            .agent
            .offer(Offer {
                connection: self.connection.clone(),
                sdp: offer.to_string(),
                tracks: self.tracks.clone(),
            })
            .await?;
        self.offer = offer;
        self.take_candidates(fragment).await?;
        let answer = SessionDescription::parse(&answer).ok();
        let fragment = answer.and_then(|answer| fragment::of_answer(&answer)).ok_or_else(|| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The server's answer says nothing of ICE.")
        })?;
        Ok(Patched::Restarted { fragment, etag: etag(&self.offer) })
    }

    async fn take_candidates(&mut self, fragment: Fragment) -> Result<(), Refusal> {
        for candidate in fragment.candidates {
            self.agent.candidate(self.connection.clone(), candidate).await?;
        }
        Ok(())
    }
}

/// The entity tag of an ICE session (RFC 9725 §4.3.1): its offer's version says which one it is.
pub(super) fn etag(offer: &SessionDescription) -> String {
    let version: String =
        offer.origin.session_version.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("\"{version}\"")
}

fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "There is no such resource: it was deleted, or its connection has ended.",
    )
}

fn random_name() -> Option<String> {
    let mut bytes = [0; NAME_LEN];
    rand::fill(&mut bytes).ok()?;
    Some(bytes.iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    }))
}
