use super::{PictureConfig, VideoPattern};
use crate::error::PatternError;
use crate::number::read_number;
use crate::testing::{Decoded, decode_vp8, psnr};
use moim_wire::Bitrate;

fn config(width: u16, height: u16, kbps: u64) -> PictureConfig {
    PictureConfig { width, height, frame_rate: 30, bitrate: Bitrate::from_kbps(kbps) }
}

/// What ffmpeg makes of `count` frames is what the encoder says it makes of them, shows their numbers, and is close to what was drawn.
fn decodes(config: PictureConfig, count: u64) {
    let mut pattern = VideoPattern::new(config).unwrap();
    let mut frames = Vec::new();
    let mut drawn = Vec::new();
    for number in 0..count {
        if number == count / 2 {
            pattern.request_key_frame();
        }
        frames.push(pattern.encode(number));
        drawn.push((pattern.picture.clone(), pattern.encoder.decoded().clone()));
    }
    assert_eq!(frames.iter().filter(|frame| frame.is_key).count(), 2);

    let decoded = decode_vp8(&config, &frames);

    assert_eq!(decoded.len(), frames.len());
    for (number, (decoded, (wanted, ours))) in (0..).zip(decoded.iter().zip(&drawn)) {
        assert_eq!(*decoded, Decoded::cropped(ours, &config), "frame {number}");
        let width = usize::from(config.width);
        assert_eq!(read_number(&decoded.y, width, width), Some(number));
        let psnr = psnr(decoded, &Decoded::cropped(wanted, &config));
        assert!(psnr > 30.0, "frame {number}: {psnr:.1} dB");
    }
}

#[test]
fn small_pictures_decode() {
    decodes(config(160, 90, 100), 40);
}

#[test]
fn pictures_of_calls_decode() {
    decodes(config(640, 360, 1_000), 60);
}

#[test]
fn pictures_with_much_noise_decode() {
    decodes(config(320, 180, 4_000), 30);
}

#[test]
fn large_pictures_decode() {
    decodes(config(1_280, 720, 2_000), 12);
}

#[test]
fn sizes_that_end_within_a_macroblock_decode() {
    decodes(config(254, 134, 300), 30);
}

/// The bytes of the second half of four seconds, once everything has settled.
fn bytes_of(config: PictureConfig) -> u64 {
    let mut pattern = VideoPattern::new(config).unwrap();
    let lens: Vec<usize> = (0..120).map(|number| pattern.encode(number).data.len()).collect();
    lens[60..].iter().sum::<usize>() as u64
}

#[test]
fn the_bitrate_is_met() {
    let cases = [(160, 90, 60), (640, 360, 100), (640, 360, 500), (640, 360, 1_500), (640, 360, 5_000)];
    for (width, height, kbps) in cases.into_iter().chain([(1_280, 720, 300), (1_280, 720, 2_500)]) {
        let (measured, wanted) = (bytes_of(config(width, height, kbps)), kbps * 2_000 / 8);

        assert!(measured.abs_diff(wanted) < wanted / 10, "{width}x{height}: {measured} bytes of {wanted}");
    }
}

#[test]
fn another_bitrate_is_met_soon() {
    let mut pattern = VideoPattern::new(config(640, 360, 2_000)).unwrap();
    for number in 0..60 {
        pattern.encode(number);
    }

    pattern.set_bitrate(Bitrate::from_kbps(200));

    let bytes: usize = (60..90).map(|number| pattern.encode(number).data.len()).sum();
    assert!((20_000..30_000).contains(&bytes), "{bytes} bytes in a second at 25,000");
}

#[test]
fn timestamps_follow_numbers() {
    let mut pattern = VideoPattern::new(config(160, 90, 100)).unwrap();

    assert_eq!(pattern.encode(0).timestamp, 0);
    assert_eq!(pattern.encode(1).timestamp, 3_000);
    assert_eq!(pattern.encode(30).timestamp, 90_000);
}

#[test]
fn the_same_numbers_make_the_same_bytes() {
    let encode = || {
        let mut pattern = VideoPattern::new(config(320, 180, 400)).unwrap();
        (0..10).map(|number| pattern.encode(number)).collect::<Vec<_>>()
    };

    assert_eq!(encode(), encode());
}

#[test]
fn what_is_not_possible_is_refused() {
    for (width, height) in [(0, 0), (126, 90), (129, 90), (128, 88), (4_098, 100)] {
        assert!(matches!(VideoPattern::new(config(width, height, 1)), Err(PatternError::Size { .. })));
    }
    let config = PictureConfig { frame_rate: 0, ..config(160, 90, 100) };
    assert_eq!(VideoPattern::new(config).err(), Some(PatternError::FrameRate(0)));
}
