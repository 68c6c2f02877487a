import type { Track } from 'moim-client';
import { useEffect, useRef } from 'preact/hooks';
import { useCallView } from './view.js';

/** Everybody else's sound. Apart from the tiles, so that it plays whatever is on screen. */
export function Sounds() {
  const { call } = useCallView();
  return (
    <div hidden>
      {call.participants.value.flatMap(({ id, name, sounds }) =>
        sounds.map((track) => <Sound key={`${id}/${track.source}`} track={track} name={name} />),
      )}
    </div>
  );
}

function Sound({ track, name }: { track: Track; name: string }) {
  const ref = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = ref.current;
    if (!audio) return;
    track.attach(audio);
    return () => {
      track.detach(audio);
    };
  }, [track]);
  // biome-ignore lint/a11y/useMediaCaption: live speech, for which there are no captions
  return <audio ref={ref} autoplay data-participant={name} />;
}
