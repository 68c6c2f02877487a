//! What an independent decoder makes of what is encoded here.

use crate::video::{EncodedPicture, PictureConfig};
use crate::vp8::{Picture, Plane};
use moim_media_file::Codec;
use moim_media_file::ivf::{IvfHeader, IvfWriter};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A picture as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Decoded {
    /// What of a picture in whole macroblocks is shown.
    pub(crate) fn cropped(picture: &Picture, config: &PictureConfig) -> Self {
        let (width, height) = (usize::from(config.width), usize::from(config.height));
        let crop = |plane: &Plane, width: usize, height: usize| {
            (0..height).flat_map(|y| plane.row(y)[..width].to_vec()).collect()
        };
        Self {
            y: crop(&picture.y, width, height),
            u: crop(&picture.u, width / 2, height / 2),
            v: crop(&picture.v, width / 2, height / 2),
        }
    }
}

/// Decodes by ffmpeg, which must not complain.
pub(crate) fn ffmpeg(input: &[u8], arguments: &[&str]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "warning", "-xerror"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is needed; `cargo xtask test` installs it");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    output.stdout
}

/// Decodes frames, wrapped in IVF.
pub(crate) fn decode_vp8(config: &PictureConfig, frames: &[EncodedPicture]) -> Vec<Decoded> {
    let header = IvfHeader {
        codec: Codec::Vp8,
        width: config.width,
        height: config.height,
        ticks: config.frame_rate,
        ticks_per: 1,
        frame_count: 0,
    };
    let mut ivf = IvfWriter::new(Vec::new(), &header).unwrap();
    for (number, frame) in (0u64..).zip(frames) {
        ivf.write_frame(number, &frame.data).unwrap();
    }
    let ivf = ivf.finish().unwrap();
    let raw = ffmpeg(&ivf, &["-f", "ivf", "-i", "-", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]);
    let luma = usize::from(config.width) * usize::from(config.height);
    let pictures = raw.chunks(luma + luma / 2);
    pictures
        .map(|picture| Decoded {
            y: picture[..luma].to_vec(),
            u: picture[luma..luma + luma / 4].to_vec(),
            v: picture[luma + luma / 4..].to_vec(),
        })
        .collect()
}

/// How close two pictures are, in decibels.
pub(crate) fn psnr(one: &Decoded, other: &Decoded) -> f64 {
    let planes = [(&one.y, &other.y), (&one.u, &other.u), (&one.v, &other.v)];
    let pairs = planes.iter().flat_map(|(one, other)| one.iter().zip(other.iter()));
    let squares: f64 = pairs.map(|(one, other)| f64::from(one.abs_diff(*other)).powi(2)).sum();
    let count: usize = planes.iter().map(|(one, _)| one.len()).sum();
    10.0 * (255.0 * 255.0 * f64::from(u32::try_from(count).unwrap()) / squares.max(1.0)).log10()
}
