use super::{LocalTrack, TrackSource};
use crate::error::Error;
use moim_wire::Bitrate;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The least time between two key frames that were asked for: several may ask at once, and one answers all.
const KEY_FRAME_INTERVAL_MIN: Duration = Duration::from_millis(300);
/// How far a source may fall behind before it leaves frames out.
const BEHIND_MAX: Duration = Duration::from_millis(300);
/// What of the network's share is left to sound and to protocols.
const OTHERS_SHARE: f64 = 0.1;

/// Sends what a source gives, when it is due, for ever. Tracks with the same `begin` stay in step. Pictures follow what the peers' networks
/// take, up to `bitrate_max`, and have key frames when somebody asks: as far as the source can. An encoding of several has its share of that.
pub async fn play(
    mut source: TrackSource,
    track: &LocalTrack,
    bitrate_max: Bitrate,
    begin: Instant,
) -> Result<(), Error> {
    let mut last_key = None::<Instant>;
    loop {
        let now = Instant::now();
        let may_ask = last_key.is_none_or(|last| now.duration_since(last) >= KEY_FRAME_INTERVAL_MIN);
        if may_ask && track.take_key_frame_request() {
            source.request_key_frame();
            last_key = Some(now);
        }
        let target = track.target_bitrate().map_or(bitrate_max, |target| target.scaled(1.0 - OTHERS_SHARE));
        source.set_bitrate(target.min(bitrate_max).scaled(track.share()));
        source.skip_to(now.duration_since(begin).saturating_sub(BEHIND_MAX));
        let next = source.next_frame()?;
        sleep_until(begin + next.at).await;
        track.send(&next.frame);
    }
}
