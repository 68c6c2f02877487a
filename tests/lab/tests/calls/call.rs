//! Two people and a server.

use crate::guest::{Guest, Invitation, Publishes};
use crate::moim::Moim;
use crate::path::Path;
use moim_lab::{Change, Lab, Topology};
use moim_signal::message::TrackKind;
use moim_wire::Bitrate;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Long enough for anything on one machine, however busy. Nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Frames that have to arrive before pictures, or sound, count as going on.
const FRAMES_MIN: u64 = 30;
/// The most to send to each other.
const BITRATE_MAX: Bitrate = Bitrate::from_kbps(2_000);

/// A call between two people, on a server on the host `server`.
///
/// Who takes part comes first, as they are to go first.
pub(crate) struct Call {
    pub(crate) anna: Guest,
    pub(crate) ben: Guest,
    _server: Moim,
    pub(crate) lab: Lab,
    /// Where they are.
    hosts: [String; 2],
}

/// Which relays a server offers, beside what it answers as a STUN server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relays {
    All,
    /// By UDP, and by a stream.
    UdpAnd(&'static str),
}

impl Call {
    /// Two people who send each other pictures and sound, and have received some.
    pub(crate) fn between(topology: Topology, hosts: [&str; 2]) -> Self {
        Self::by(topology, hosts, Relays::All)
    }

    pub(crate) fn by(topology: Topology, hosts: [&str; 2], relays: Relays) -> Self {
        let mut call = Self::new(topology, hosts, relays, BITRATE_MAX);
        call.anna.publish(Publishes::little());
        call.ben.publish(Publishes::little());
        call.goes_on();
        call
    }

    /// Two people who send each other nothing yet.
    pub(crate) fn new(topology: Topology, hosts: [&str; 2], relays: Relays, bitrate_max: Bitrate) -> Self {
        let lab = Lab::up(topology.host("server")).unwrap_or_else(|error| panic!("{error:#}"));
        let server = lab.host("server").unwrap();
        let addresses = server.addresses();
        let moim = Moim::start(server, &relays.config(addresses[0]));
        let join = |name, at| join(&lab, name, at, "tea", bitrate_max);
        let (anna, ben) = (join("Anna", hosts[0]), join("Ben", hosts[1]));
        Self { anna, ben, _server: moim, lab, hosts: hosts.map(str::to_owned) }
    }

    /// Two others, in a room of their own.
    pub(crate) fn beside(&self, hosts: [&str; 2], bitrate_max: Bitrate) -> [Guest; 2] {
        [("Cara", hosts[0]), ("Dan", hosts[1])]
            .map(|(name, at)| join(&self.lab, name, at, "coffee", bitrate_max))
    }

    /// Waits until something is so.
    pub(crate) fn until(&mut self, what: &str, is_so: impl FnMut(&mut Self) -> bool) -> Duration {
        self.within(PATIENCE, what, is_so)
    }

    /// Waits until something is so, for as long as is said.
    pub(crate) fn within(
        &mut self,
        time: Duration,
        what: &str,
        mut is_so: impl FnMut(&mut Self) -> bool,
    ) -> Duration {
        let began = Instant::now();
        loop {
            self.anna.turn();
            self.ben.turn();
            if is_so(self) {
                return began.elapsed();
            }
            assert!(
                began.elapsed() < time,
                "{what}: not so.\n{}{}",
                self.anna.describe(),
                self.ben.describe()
            );
        }
    }

    /// Waits until pictures and sound have come in both directions, from now on.
    pub(crate) fn goes_on(&mut self) -> Duration {
        let kinds = [TrackKind::Video, TrackKind::Audio];
        let frames = |call: &Self| [&call.anna, &call.ben].map(|guest| kinds.map(|kind| guest.frames(kind)));
        let before = frames(self);
        self.until("pictures and sound come in both directions", |call| {
            let gains = frames(call).into_iter().flatten().zip(before.into_iter().flatten());
            call.anna.is_connected()
                && call.ben.is_connected()
                && gains.into_iter().all(|(now, before)| now >= before + FRAMES_MIN)
        })
    }

    /// Waits until both ends send by paths of which this is so, and frames come by them.
    pub(crate) fn goes_by(&mut self, what: &str, is_so: impl Fn(&Path, &End) -> bool) {
        let relay = self.lab.host("server").unwrap().addresses();
        let ends: Vec<End> =
            [1, 0].map(|to| End { addresses: self.addresses(&self.hosts[to]), relay: relay.clone() }).into();
        self.until(what, |call| {
            let guests = [&call.anna, &call.ben].into_iter();
            guests.zip(&ends).all(|(guest, end)| {
                guest.stats().and_then(|stats| Path::of(&stats)).is_some_and(|path| is_so(&path, end))
            })
        });
        self.goes_on();
    }

    pub(crate) fn is_relayed(&mut self) {
        self.goes_by("it is relayed", |path, end| path.is_relayed(&end.relay));
    }

    pub(crate) fn is_direct(&mut self) {
        self.goes_by("it goes by no relay", |path, end| path.is_direct(&end.addresses));
    }

    /// Makes something happen to the network.
    pub(crate) fn change(&mut self, change: Change) {
        self.lab.change(change).unwrap();
    }

    /// Where a host can be seen: at its own addresses, and at those of the gateways it is behind.
    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let names = self.lab.way_out(host).unwrap();
        names.iter().flat_map(|name| self.lab.host(name).unwrap().addresses()).collect()
    }
}

/// Joins a room by an address of the server that the host can reach.
fn join(lab: &Lab, name: &'static str, at: &str, room: &'static str, bitrate_max: Bitrate) -> Guest {
    let host = lab.host(at).unwrap();
    let is_alike = |address: &IpAddr| address.is_ipv4() != host.ipv4().is_empty();
    let server = lab.host("server").unwrap().addresses().into_iter().find(is_alike).unwrap();
    Guest::join(name, &host, Invitation { server, room, bitrate_max })
}

/// What an end of a path may be.
pub(crate) struct End {
    /// The addresses of who is there, and of the gateways in between.
    pub(crate) addresses: Vec<IpAddr>,
    /// The addresses of the relay.
    pub(crate) relay: Vec<IpAddr>,
}

impl Relays {
    /// What a server is told that is at this address.
    fn config(self, server: IpAddr) -> String {
        match self {
            Self::All => String::new(),
            Self::UdpAnd(stream) => {
                let stream = stream.replace("{host}", &server.to_string());
                format!("[ice]\nturn_urls = [\"turn:{{host}}:{{port}}?transport=udp\", \"{stream}\"]\n")
            }
        }
    }
}
