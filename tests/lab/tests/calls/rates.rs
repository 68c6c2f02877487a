//! What is sent follows what the network takes. How closely is printed, never asserted; `--no-capture` shows it.

use crate::call::{Call, Relays};
use crate::guest::Publishes;
use moim_lab::{Change, Families, Gateway, Impairment, Nat, Topology};
use moim_media_pattern::PictureConfig;
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

/// More than any of the links here takes.
const BITRATE_MAX: Bitrate = Bitrate::from_kbps(4_000);
const WIDE_KBPS: u32 = 3_000;
const NARROW_KBPS: u32 = 500;
/// What counts as making use of the wide link, and as keeping to the narrow one.
const MUCH: Bitrate = Bitrate::from_kbps(1_500);
const LITTLE: Bitrate = Bitrate::from_kbps(600);
/// How often to print what is seen.
const PRINT_INTERVAL: Duration = Duration::from_millis(250);
/// A link that holds packets back for as long as some home routers do.
const QUEUE_MS: u16 = 1_000;

/// A picture that takes as much as there is.
fn much() -> Publishes {
    let picture = PictureConfig { width: 640, height: 360, frame_rate: 30, bitrate: BITRATE_MAX };
    Publishes { picture, has_tone: true }
}

/// Anna sends a picture to Ben, through a gateway.
struct Flow {
    call: Call,
    /// What the link carries now.
    rate_kbps: u32,
    printed: Instant,
}

/// What was seen for a while.
struct Watched {
    target_min: Bitrate,
    target_last: Bitrate,
    /// The longest that a packet waited for the link.
    queue_max: Duration,
    /// What arrived of the picture.
    goodput: Bitrate,
}

impl Flow {
    /// Sends until there is much.
    fn new() -> Self {
        let home = Gateway { families: Families::Ipv4, ..Gateway::new("home", Nat::PortRestricted) };
        let topology = Topology::new().with_gateway(home).host_behind("anna", "home").host("ben");
        let topology = topology.host_behind("cara", "home").host("dan");
        let call = Call::new(topology, ["anna", "ben"], Relays::All, BITRATE_MAX);
        let mut flow = Self { call, rate_kbps: 0, printed: Instant::now() };
        flow.link(WIDE_KBPS, 0);
        flow.call.anna.publish(much());
        flow.reaches("at the start", Duration::from_secs(40), |target| target > MUCH);
        flow
    }

    fn link(&mut self, rate_kbps: u32, loss_per_mille: u16) {
        let link = Impairment { loss_per_mille, rate_kbps: Some(rate_kbps), queue_ms: Some(QUEUE_MS) };
        self.call.change(Change::Link { of: "home".to_owned(), link });
        self.rate_kbps = rate_kbps;
    }

    fn target(&self) -> Bitrate {
        self.call.anna.stats().and_then(|stats| stats.target).unwrap_or(Bitrate::ZERO)
    }

    /// Waits until the target is as it should be.
    fn reaches(&mut self, when: &str, within: Duration, is_reached: impl Fn(Bitrate) -> bool) {
        let mut queue_max = Duration::ZERO;
        let began = Instant::now();
        loop {
            self.turn();
            let (target, queue) = self.look(when, began);
            queue_max = queue_max.max(queue);
            if is_reached(target) {
                let (took, queue) = (began.elapsed().as_millis(), queue_max.as_millis());
                println!("{when}: {target} after {took} ms, a queue of up to {queue} ms meanwhile");
                return;
            }
            assert!(began.elapsed() < within, "{when}: {target}\n{}", self.call.anna.describe());
        }
    }

    /// Looks on.
    fn watch(&mut self, when: &str, time: Duration) -> Watched {
        let (began, bytes) = (Instant::now(), self.call.ben.picture_bytes());
        let first = self.target();
        let mut seen = Watched {
            target_min: first,
            target_last: first,
            queue_max: Duration::ZERO,
            goodput: Bitrate::ZERO,
        };
        while began.elapsed() < time {
            self.turn();
            let (target, queue) = self.look(when, began);
            seen.target_last = target;
            seen.target_min = seen.target_min.min(target);
            seen.queue_max = seen.queue_max.max(queue);
        }
        seen.goodput = Bitrate::from_bytes_in(self.call.ben.picture_bytes() - bytes, began.elapsed());
        println!(
            "{when}, for {} s: {} of pictures arrived; target {} at last and {} at least; a queue of up to {} ms",
            time.as_secs(),
            seen.goodput,
            seen.target_last,
            seen.target_min,
            seen.queue_max.as_millis()
        );
        seen
    }

    /// The target, and how long a packet waits for the link.
    fn look(&mut self, when: &str, began: Instant) -> (Bitrate, Duration) {
        let (target, queue) = (self.target(), self.queue());
        if self.printed.elapsed() < PRINT_INTERVAL {
            return (target, queue);
        }
        self.printed = Instant::now();
        let report = self.call.anna.stats().map(|stats| stats.report).unwrap_or_default();
        let transport = report.transport;
        let (estimate, reason) = (transport.congestion_queue, transport.congestion_reason);
        let key_frames: u32 = report.outbound_rtp.iter().map(|stream| stream.pli_count).sum();
        println!(
            "  {when} {:5} ms: target {target}, queue {:4} ms (estimated: {estimate:.3?} s), {reason:?}, {key_frames} key frames asked for",
            began.elapsed().as_millis(),
            queue.as_millis(),
        );
        (target, queue)
    }

    fn turn(&mut self) {
        self.call.anna.turn();
        self.call.ben.turn();
    }

    /// How long a packet that came now would wait for the link.
    fn queue(&self) -> Duration {
        let words = ["-s", "-j", "qdisc", "show", "dev", "wan"];
        let output = self.call.lab.host("home").unwrap().command("tc").args(words).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let queues: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bytes = queues[0]["backlog"].as_u64().unwrap_or_else(|| panic!("there is no backlog in {text}"));
        Duration::from_millis(bytes * 8 / u64::from(self.rate_kbps))
    }
}

#[test]
#[ignore = "what is sent follows the machine's own load as well: for a machine that does little else, by `cargo xtask test lab`"]
fn what_is_sent_follows_the_link() {
    let mut flow = Flow::new();
    flow.watch("3 Mbit/s", Duration::from_secs(5));

    flow.link(NARROW_KBPS, 0);
    flow.reaches("from 3 Mbit/s to 500 kbit/s", Duration::from_secs(20), |target| target < LITTLE);
    flow.watch("500 kbit/s", Duration::from_secs(8));

    flow.link(WIDE_KBPS, 0);
    flow.reaches("from 500 kbit/s to 3 Mbit/s", Duration::from_secs(60), |target| target > MUCH);
    flow.watch("3 Mbit/s again", Duration::from_secs(5));
}

#[test]
#[ignore = "what is sent follows the machine's own load as well: for a machine that does little else, by `cargo xtask test lab`"]
fn loss_at_random_is_no_reason_to_send_next_to_nothing() {
    let mut flow = Flow::new();

    flow.link(WIDE_KBPS, 100);
    let seen = flow.watch("10 % lost at random", Duration::from_secs(30));

    assert!(seen.target_last > LITTLE, "{}", seen.target_last);
    assert!(seen.goodput > Bitrate::from_kbps(300), "{}", seen.goodput);
}

#[test]
#[ignore = "what is sent follows the machine's own load as well: for a machine that does little else, by `cargo xtask test lab`"]
fn two_who_send_share_a_link() {
    let mut flow = Flow::new();
    let [mut cara, mut dan] = flow.call.beside(["cara", "dan"], BITRATE_MAX);
    cara.publish(much());
    let mut bytes = |time: Duration| {
        let began = Instant::now();
        while began.elapsed() < time {
            flow.turn();
            cara.turn();
            dan.turn();
        }
        [flow.call.ben.picture_bytes(), dan.picture_bytes()]
    };

    let before = bytes(Duration::from_secs(15));
    let time = Duration::from_secs(20);
    let after = bytes(time);

    let shares = [0, 1].map(|who| Bitrate::from_bytes_in(after[who] - before[who], time));
    println!("two flows over 3 Mbit/s: {} and {}, the second of which began later", shares[0], shares[1]);
    let all = shares[0].as_bps() + shares[1].as_bps();
    for share in shares {
        assert!(share.as_bps() * 5 > all, "less than a fifth: {} and {}", shares[0], shares[1]);
    }
}
