//! What a packet costs beside its protection: its header and extensions, read and written, and what is noted about it.
//! `cargo bench -p moim-rtp`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use moim_rtp::extension::TransportSequence;
use moim_rtp::feedback::{CcfbRecorder, TwccDecoder, TwccRecorder};
use moim_rtp::nack::{NackConfig, NackGenerator};
use moim_rtp::reception::ReceptionStats;
use moim_rtp::rtcp::{Compound, Ecn, Packet, packets};
use moim_rtp::{ExtensionKind, ExtensionMap, ExtensionValues, Header, OutgoingHeader, write_header};
use moim_wire::{ExtSeqNo, PayloadType, RtpTimestamp, SeqNo, Ssrc};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// What a browser's video packet carries.
fn extensions() -> (ExtensionMap, ExtensionValues) {
    let mut map = ExtensionMap::new();
    let kinds = [ExtensionKind::Mid, ExtensionKind::TransportSequenceNumber, ExtensionKind::AbsSendTime];
    for (id, kind) in (1..).zip(kinds) {
        map.insert(id, kind).expect("each comes once");
    }
    let values = ExtensionValues {
        mid: "0".parse().ok(),
        transport_sequence: Some(TransportSequence::default()),
        abs_send_time: Some(moim_rtp::extension::AbsSendTime::from_bits(7)),
        ..ExtensionValues::default()
    };
    (map, values)
}

fn outgoing() -> OutgoingHeader<'static> {
    OutgoingHeader {
        marker: false,
        payload_type: PayloadType::new(96).expect("below 128"),
        seq: SeqNo(7),
        timestamp: RtpTimestamp(8),
        ssrc: Ssrc(9),
        csrcs: &[],
        has_padding: false,
    }
}

#[divan::bench(sample_size = 4_096)]
fn header_write(bencher: Bencher<'_, '_>) {
    let (map, values) = extensions();
    let mut packet = [0; 1_200];
    let header = outgoing();
    bencher.bench_local(|| {
        write_header(&mut packet, black_box(&header), &map, black_box(&values), &[])
            .map(|layout| layout.header_len)
    });
}

#[divan::bench(sample_size = 4_096)]
fn header_parse(bencher: Bencher<'_, '_>) {
    let (map, values) = extensions();
    let mut packet = [0; 1_200];
    write_header(&mut packet, &outgoing(), &map, &values, &[]).expect("there is room");
    bencher.bench_local(|| {
        let header = Header::parse(black_box(&packet))?;
        let values = map.read(header.extensions(&packet));
        Ok::<_, moim_rtp::ParseError>((header, values.transport_sequence))
    });
}

/// Packets of a stream, a millisecond apart.
struct Stream {
    start: Instant,
    sent: u64,
}

impl Stream {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn new() -> Self {
        Self { start: Instant::now(), sent: 0 }
    }

    fn next(&mut self) -> (ExtSeqNo, Instant) {
        self.sent += 1;
        (ExtSeqNo((1 << 16) + self.sent), self.start + Duration::from_millis(self.sent))
    }
}

/// With a report every 50 packets.
#[divan::bench(sample_size = 4_096)]
fn twcc_record(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new();
    let mut recorder = TwccRecorder::new(stream.start);
    let mut buffer = [0; 1_200];
    bencher.bench_local(|| {
        let (seq, now) = stream.next();
        recorder.on_packet(TransportSequence::new(seq.seq()), now);
        recorder.poll_feedback(&mut Compound::new(&mut buffer), Ssrc(1), Ssrc(2), now)
    });
}

/// With a report every 50 packets.
#[divan::bench(sample_size = 4_096)]
fn ccfb_record(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new();
    let mut recorder = CcfbRecorder::new(stream.start);
    let mut buffer = [0; 1_200];
    bencher.bench_local(|| {
        let (seq, now) = stream.next();
        recorder.on_packet(Ssrc(7), seq, Ecn::NotCapable, now);
        let wall = moim_wire::NtpTime(1 << 40);
        recorder.poll_feedback(&mut Compound::new(&mut buffer), Ssrc(1), wall, now)
    });
}

/// A report of 50 packets, one of which is missing.
#[divan::bench(sample_size = 64)]
fn twcc_decode_50(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new();
    let mut recorder = TwccRecorder::new(stream.start);
    let mut now = stream.start;
    for _ in 0..51 {
        let (seq, at) = stream.next();
        now = at;
        if seq.0 % 50 != 7 {
            recorder.on_packet(TransportSequence::new(seq.seq()), at);
        }
    }
    let mut buffer = [0; 1_200];
    let mut out = Compound::new(&mut buffer);
    recorder.poll_feedback(&mut out, Ssrc(1), Ssrc(2), now).expect("there is room");
    let mut decoder = TwccDecoder::new();
    bencher.counter(ItemsCount::new(50_u32)).bench_local(|| {
        let Some(Ok(Packet::Twcc(feedback))) = packets(black_box(out.written())).next() else { return None };
        let results = decoder.decode(&feedback, (1 << 16) + 60)?;
        results.filter_map(|(_, at)| at).max()
    });
}

#[divan::bench(sample_size = 4_096)]
fn reception_and_nack(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new();
    let mut stats = ReceptionStats::new(90_000);
    let mut nack = NackGenerator::new(NackConfig::default());
    bencher.bench_local(|| {
        let (seq, now) = stream.next();
        stats.on_packet(seq, RtpTimestamp(u32::from(seq.seq().0) * 90), 1_100, now);
        nack.on_packet(seq, now);
    });
}
