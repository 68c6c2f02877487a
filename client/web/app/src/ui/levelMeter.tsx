import { createAudioMeter } from 'moim-client';
import { useEffect, useRef, useState } from 'preact/hooks';

/** How many bars. */
const BARS = 5;
/** The level of a quiet room: what is below does not move the bars. */
const LEVEL_MIN = 0.25;

/** Bars that rise with the sound of `track`. */
export function LevelMeter({ track, label }: { track: MediaStreamTrack; label: string }) {
  const ref = useRef<HTMLSpanElement>(null);
  const active = useUserActivation();
  useEffect(() => {
    const meter = createAudioMeter(track);
    let frame = requestAnimationFrame(function draw() {
      const level = Math.min(1, Math.max(0, (meter.level - LEVEL_MIN) / (1 - LEVEL_MIN)) * 1.6);
      ref.current?.style.setProperty('--level', level.toFixed(2));
      frame = requestAnimationFrame(draw);
    });
    return () => {
      cancelAnimationFrame(frame);
      meter.stop();
    };
    // Before the page was first touched, browsers may keep sound from being measured: then it begins anew.
  }, [track, active]);
  return (
    <span ref={ref} class="level" role="img" aria-label={label}>
      {Array.from({ length: BARS }, (_, index) => (
        <i key={String(index)} class={`level-bar level-bar-${index}`} />
      ))}
    </span>
  );
}

/** Whether anybody has pressed anything on this page yet. */
function useUserActivation(): boolean {
  // Browsers that do not say have no such rule for pages that use the microphone.
  const [active, setActive] = useState(navigator.userActivation?.hasBeenActive ?? true);
  useEffect(() => {
    if (active) return;
    const activate = () => setActive(true);
    const events = ['pointerup', 'keydown'] as const;
    for (const event of events) addEventListener(event, activate, { once: true });
    return () => {
      for (const event of events) removeEventListener(event, activate);
    };
  }, [active]);
  return active;
}
