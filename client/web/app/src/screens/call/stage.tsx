import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { gridLayout, type Size, tilesMax } from '../../lib/layout.js';
import { pagesOf, Seating } from '../../lib/seating.js';
import { type ParticipantView, publicationOf } from '../../state/participantView.js';
import { Icon } from '../../ui/icon.js';
import { InviteCard } from './inviteCard.js';
import { callMessages } from './messages.js';
import { Tile, type TileSource } from './tile.js';
import { useCallView } from './view.js';

/** Space between tiles in CSS pixels, the same as `--gap` in the style sheet. */
const GAP = 12;
/** What the buttons that turn pages take of the height, in CSS pixels; the same as `.pager` in the style sheet. */
const PAGER_HEIGHT = 52;

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

/** All faces of one size, on several pages where they would be too small. Whoever speaks is on the first. */
function GridLayout({ people, size }: { people: readonly ParticipantView[]; size: Size }) {
  const { call } = useCallView();
  const seating = useMemo(() => new Seating(), []);
  const chosen = useSignal(0);
  const local = people.find(({ isLocal }) => isLocal);
  const others = people.filter(({ isLocal }) => !isLocal);
  const own = local?.sharing ? 2 : 1;
  const count = others.length + own;
  const fitsAll = count <= tilesMax({ ...size, gap: GAP });
  const area = { ...size, height: size.height - (fitsAll ? 0 : PAGER_HEIGHT) };
  const places = fitsAll ? count : tilesMax({ ...area, gap: GAP });
  const pages = pagesOf(others.length, places, own);
  const page = Math.min(chosen.value, pages.length - 1);
  const { from, to } = pages[page] ?? { from: 0, to: 0 };
  const order = seating.update(
    others.map(({ id }) => id),
    call.speakers.value,
    pages[0]?.to ?? 0,
  );
  const byId = new Map(others.map((person) => [person.id, person]));
  const shown = order.slice(from, to).flatMap((id) => byId.get(id) ?? []);
  useShown(others, shown);
  // Of one size on all pages, also where the last is not full.
  const { tile } = gridLayout({ ...area, count: fitsAll ? count : places, gap: GAP });
  return (
    <>
      <div
        class="grid"
        style={{ '--tile-width': `${tile.width}px`, '--tile-height': `${tile.height}px`, height: `${area.height}px` }}
      >
        {shown.map((person) => (
          <Tile key={person.id} person={person} source="camera" />
        ))}
        {page === 0 && local && <Tile key={local.id} person={local} source="camera" />}
        {page === 0 && local?.sharing && <Tile key={`screenShare/${local.id}`} person={local} source="screenShare" />}
      </div>
      {pages.length > 1 && <Pager page={page} pages={pages.length} onTurn={(next) => (chosen.value = next)} />}
    </>
  );
}

/** Lets the server pause the pictures of those who are on other pages. */
function useShown(others: readonly ParticipantView[], shown: readonly ParticipantView[]): void {
  useEffect(() => {
    for (const person of others) publicationOf(person, 'camera')?.setEnabled(shown.includes(person));
  });
}

function Pager({ page, pages, onTurn }: { page: number; pages: number; onTurn: (page: number) => void }) {
  const texts = callMessages.value;
  const button = (icon: 'chevronLeft' | 'chevronRight', label: string, next: number) => (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      // Not disabled: that would take the focus from whoever turns pages by keyboard.
      aria-disabled={next < 0 || next >= pages}
      onClick={() => next >= 0 && next < pages && onTurn(next)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <nav class="pager" aria-label={texts.participants}>
      {button('chevronLeft', texts.previousPage, page - 1)}
      <span role="status">
        <span class="visually-hidden">{texts.page(page + 1, pages)}</span>
        <span aria-hidden="true">
          {page + 1} / {pages}
        </span>
      </span>
      {button('chevronRight', texts.nextPage, page + 1)}
    </nav>
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

/** The first screen of somebody else has the stage; further ones are beside it with the faces, those who speak first. */
function ShareLayout({ people, size }: { people: readonly ParticipantView[]; size: Size }) {
  const { call } = useCallView();
  const seating = useMemo(() => new Seating(), []);
  const [onStage, ...inStrip] = othersFirst(people.filter(({ sharing }) => sharing));
  const others = people.filter(({ isLocal }) => !isLocal);
  // How many of them are to be seen without scrolling is a guess; what is out of sight is paused by its own measure.
  const order = seating.update(
    others.map(({ id }) => id),
    call.speakers.value,
    IN_STRIP,
  );
  const seated = [...people].sort((one, other) => seatOf(order, one) - seatOf(order, other));
  useShown(others, others);
  const tileOf = (person: ParticipantView, source: TileSource) => (
    <Tile key={`${source}/${person.id}`} person={person} source={source} />
  );
  return (
    <div class={`share ${size.width > size.height ? 'share-wide' : 'share-tall'}`}>
      <div class="share-stage">{onStage && tileOf(onStage, 'screenShare')}</div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1) */}
      <div class="share-strip" tabIndex={0}>
        {inStrip.map((person) => tileOf(person, 'screenShare'))}
        {seated.map((person) => tileOf(person, 'camera'))}
      </div>
    </div>
  );
}

/** How many faces beside a shared screen are usually in sight. */
const IN_STRIP = 3;

/** Oneself comes last. */
function seatOf(order: readonly string[], { id, isLocal }: ParticipantView): number {
  return isLocal ? order.length : order.indexOf(id);
}

/** Others in the order they came, oneself last: one's own tile then stays where the eye does not rest. */
function othersFirst(people: readonly ParticipantView[]): readonly ParticipantView[] {
  return [...people.filter(({ isLocal }) => !isLocal), ...people.filter(({ isLocal }) => isLocal)];
}
