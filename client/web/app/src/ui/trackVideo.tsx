import type { Track } from 'moim-client';
import { useEffect, useRef } from 'preact/hooks';
import { mayCrop } from '../lib/layout.js';

interface TrackVideoProps {
  track: Track;
  /** As in a mirror, for one's own camera. */
  mirrored?: boolean;
  /** Always shows the whole picture, as for screens. */
  whole?: boolean;
  /** The accessible name. */
  label: string;
}

/** The picture of a track. It fills its box, unless too much would be cut off. */
export function TrackVideo({ track, mirrored = false, whole = false, label }: TrackVideoProps) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current;
    if (!video) return;
    track.attach(video);
    return () => {
      track.detach(video);
    };
  }, [track]);
  useEffect(() => {
    const video = ref.current;
    if (!video || whole) return;
    const fit = () => {
      const picture = { width: video.videoWidth, height: video.videoHeight };
      const box = { width: video.clientWidth, height: video.clientHeight };
      video.classList.toggle('video-whole', !mayCrop(picture, box));
    };
    const observer = new ResizeObserver(fit);
    observer.observe(video);
    video.addEventListener('resize', fit);
    return () => {
      observer.disconnect();
      video.removeEventListener('resize', fit);
    };
  }, [whole]);
  const classes = ['video', mirrored && 'video-mirrored', whole && 'video-whole'].filter(Boolean).join(' ');
  return <video ref={ref} class={classes} autoplay playsInline muted aria-label={label} />;
}
