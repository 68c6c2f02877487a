use super::{Tone, ToneConfig};
use crate::error::PatternError;
use crate::testing::ffmpeg;
use moim_media_file::ogg::OggOpusWriter;
use moim_media_file::opus_head::OpusHead;

#[test]
fn timestamps_go_on_by_twenty_milliseconds() {
    let mut tone = Tone::new(ToneConfig { frequency_hz: 440 }).unwrap();

    let timestamps: Vec<u64> = (0..4).map(|_| tone.encode().unwrap().1).collect();

    assert_eq!(timestamps, [0, 960, 1_920, 2_880]);
}

#[test]
fn a_pitch_that_cannot_be_heard_is_refused() {
    for frequency_hz in [0, 49, 3_001] {
        assert!(matches!(Tone::new(ToneConfig { frequency_hz }), Err(PatternError::Tone(_))));
    }
}

/// What ffmpeg makes of two seconds, the first tenth of a second left out.
fn samples(frequency_hz: u32) -> Vec<f32> {
    let mut tone = Tone::new(ToneConfig { frequency_hz }).unwrap();
    let mut ogg = OggOpusWriter::new(Vec::new(), &OpusHead::new(1), 1).unwrap();
    for _ in 0..100 {
        ogg.write_packet(&tone.encode().unwrap().0).unwrap();
    }
    let pcm = ffmpeg(&ogg.finish().unwrap(), &["-f", "ogg", "-i", "-", "-f", "f32le", "-"]);
    let samples = pcm.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    samples.skip(4_800).collect()
}

#[test]
fn the_tone_decodes_at_its_pitch_and_loudness() {
    for frequency_hz in [220, 440, 1_000] {
        let samples = samples(frequency_hz);

        let seconds = samples.len() as u64 / 4_800;
        let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count() as u64;
        let loudest = samples.iter().fold(0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!((18..=19).contains(&seconds), "{seconds} tenths of a second");
        assert!(
            (rises * 10).abs_diff(u64::from(frequency_hz) * seconds) <= 20,
            "{rises} waves in {seconds} tenths"
        );
        assert!((0.22..0.28).contains(&loudest), "{loudest} at its loudest");
    }
}
