import { useEffect, useRef } from 'preact/hooks';
import { type ParticipantView, publicationOf } from '../../state/participantView.js';
import { Avatar } from '../../ui/avatar.js';
import { Icon } from '../../ui/icon.js';
import { TrackVideo } from '../../ui/trackVideo.js';
import { callMessages } from './messages.js';
import { QualityButton } from './qualityButton.js';
import { useCallView } from './view.js';

/** What of a person a tile shows. */
export type TileSource = 'camera' | 'screenShare';

/** One picture of one person, with what there is to know about them. */
export function Tile({ person, source }: { person: ParticipantView; source: TileSource }) {
  const texts = callMessages.value;
  const isScreen = source === 'screenShare';
  const track = isScreen ? person.screen : person.camera;
  const speaking = person.speaking && person.microphoneOn && !isScreen;
  const ref = useRef<HTMLElement>(null);
  const publication = publicationOf(person, source);
  // The tile is there before its picture, which is to come as large as it will be shown.
  useEffect(() => (ref.current ? publication?.observe(ref.current) : undefined), [publication]);
  const classes = ['tile', isScreen && 'tile-screen', speaking && 'tile-speaking', person.isLocal && 'tile-local'];
  return (
    <article
      ref={ref}
      class={classes.filter(Boolean).join(' ')}
      aria-label={label(person, isScreen)}
      data-testid="tile"
      data-name={person.name}
      data-source={source}
      data-local={person.isLocal}
      data-speaking={speaking}
      data-link={person.link === 'interrupted' ? 'interrupted' : 'connected'}
    >
      {track ? (
        <TrackVideo
          track={track}
          mirrored={person.isLocal && !isScreen}
          whole={isScreen}
          label={isScreen ? texts.screenOf(person.name) : texts.pictureOf(person.name)}
        />
      ) : (
        <span class="tile-empty">
          {isScreen ? <Icon name="screenShare" size={40} /> : <Avatar name={person.name} />}
        </span>
      )}
      {!isScreen && person.pictureHeld === 'bandwidth' && person.link === 'connected' && (
        <span class="tile-held">{texts.pictureHeld}</span>
      )}
      <LinkNotice person={person} />
      {person.isLocal && isScreen && <OwnScreenNote />}
      <div class="tile-footer">
        <span class="tile-name">
          {!person.microphoneOn && !isScreen && (
            <span class="tile-muted" role="img" aria-label={texts.muted}>
              <Icon name="micOff" size={15} />
            </span>
          )}
          <span class="tile-name-text">{label(person, isScreen)}</span>
        </span>
        {person.quality && !isScreen && <QualityButton person={person} quality={person.quality} />}
      </div>
    </article>
  );
}

function LinkNotice({ person }: { person: ParticipantView }) {
  if (person.link === 'connected') return null;
  const texts = callMessages.value;
  return (
    <span class={`tile-link tile-link-${person.link}`}>
      <span class="spinner" />
      {person.link === 'interrupted' ? texts.reconnecting : texts.connecting}
    </span>
  );
}

function OwnScreenNote() {
  const { call } = useCallView();
  const texts = callMessages.value;
  return (
    <span class="own-screen">
      {texts.youShare}
      <button type="button" class="button button-small" onClick={() => void call.toggleScreenShare()}>
        {texts.stop}
      </button>
    </span>
  );
}

function label(person: ParticipantView, isScreen: boolean): string {
  const texts = callMessages.value;
  if (isScreen) return person.isLocal ? texts.yourScreen : texts.screenOf(person.name);
  return person.isLocal ? texts.nameYou(person.name) : person.name;
}
