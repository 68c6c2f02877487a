import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { gridLayout, type Size } from '../../lib/layout.js';
import type { ParticipantView } from '../../state/participantView.js';
import { InviteCard } from './inviteCard.js';
import { callMessages } from './messages.js';
import { Tile, type TileSource } from './tile.js';
import { useCallView } from './view.js';

/** Space between tiles in CSS pixels, the same as `--gap` in the style sheet. */
const GAP = 12;

/** The tiles: a grid of faces, or a shared screen with the faces beside it. */
export function Stage() {
  const { call, alone } = useCallView();
  const ref = useRef<HTMLDivElement>(null);
  const size = useSignal<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const stage = ref.current;
    if (!stage) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) size.value = { width: entry.contentRect.width, height: entry.contentRect.height };
    });
    observer.observe(stage);
    return () => observer.disconnect();
  }, [size]);
  const people = call.participants.value;
  // One's own screen is no stage for oneself: it would show itself within itself without end.
  const shared = people.some(({ sharing, isLocal }) => sharing && !isLocal);
  return (
    <section ref={ref} class="stage" aria-label={callMessages.value.participants}>
      {shared ? (
        <ShareLayout people={people} size={size.value} />
      ) : alone.value && !people[0]?.sharing ? (
        <AloneLayout person={people[0]} />
      ) : (
        <GridLayout people={people} size={size.value} />
      )}
    </section>
  );
}

function GridLayout({ people, size }: { people: readonly ParticipantView[]; size: Size }) {
  const own = people.find(({ isLocal, sharing }) => isLocal && sharing);
  const { tile } = gridLayout({ ...size, count: people.length + (own ? 1 : 0), gap: GAP });
  return (
    <div class="grid" style={{ '--tile-width': `${tile.width}px`, '--tile-height': `${tile.height}px` }}>
      {othersFirst(people).map((person) => (
        <Tile key={person.id} person={person} source="camera" />
      ))}
      {own && <Tile key={`screenShare/${own.id}`} person={own} source="screenShare" />}
    </div>
  );
}

function AloneLayout({ person }: { person: ParticipantView | undefined }) {
  return (
    <div class="alone">
      {person && <Tile key={person.id} person={person} source="camera" />}
      <InviteCard />
    </div>
  );
}

/** The first screen of somebody else has the stage; further ones are beside it with the faces. */
function ShareLayout({ people, size }: { people: readonly ParticipantView[]; size: Size }) {
  const [onStage, ...inStrip] = othersFirst(people.filter(({ sharing }) => sharing));
  const tileOf = (person: ParticipantView, source: TileSource) => (
    <Tile key={`${source}/${person.id}`} person={person} source={source} />
  );
  return (
    <div class={`share ${size.width > size.height ? 'share-wide' : 'share-tall'}`}>
      <div class="share-stage">{onStage && tileOf(onStage, 'screenShare')}</div>
      <div class="share-strip">
        {inStrip.map((person) => tileOf(person, 'screenShare'))}
        {othersFirst(people).map((person) => tileOf(person, 'camera'))}
      </div>
    </div>
  );
}

/** Others in the order they came, oneself last: one's own tile then stays where the eye does not rest. */
function othersFirst(people: readonly ParticipantView[]): readonly ParticipantView[] {
  return [...people.filter(({ isLocal }) => !isLocal), ...people.filter(({ isLocal }) => isLocal)];
}
