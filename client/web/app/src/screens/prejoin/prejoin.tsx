import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { truncateUtf8 } from '../../lib/format.js';
import { preferences } from '../../state/preferences.js';
import { linkToken } from '../../state/router.js';
import type { Session } from '../../state/session.js';
import { copyRoomLink } from '../../ui/clipboard.js';
import { Icon } from '../../ui/icon.js';
import { TopBar } from '../../ui/topBar.js';
import { DevicePickers } from './devicePickers.js';
import { FaultNotice } from './faultNotice.js';
import { messages } from './messages.js';
import { Preview } from './preview.js';

/** Longest name in bytes of UTF-8, as the server takes it (`docs/protocol.md`). */
const NAME_BYTES_MAX = 64;

/** The page before the call: see and hear oneself, choose devices, say one's name, go in. */
export function PrejoinScreen({ session, joining }: { session: Session; joining: boolean }) {
  const texts = messages.value;
  const { media } = session;
  useEffect(() => {
    if (!joining) void media.start();
  }, [media, joining]);
  useEffect(() => {
    document.title = `${session.roomName} · moim`;
  }, [session]);
  return (
    <div class="page">
      <TopBar />
      <main class="prejoin">
        <section class="prejoin-media">
          <Preview media={media} joining={joining} />
          <DevicePickers media={media} />
        </section>
        <section class="prejoin-form">
          <h1>{texts.ready}</h1>
          <RoomCard room={session.roomName} />
          <FaultNotice media={media} />
          <JoinForm session={session} joining={joining} />
        </section>
      </main>
    </div>
  );
}

function RoomCard({ room }: { room: string }) {
  const texts = messages.value;
  return (
    <div class="room-card">
      <div>
        <strong class="room-name">{room}</strong>
        {/* A personal link is for one: whether others can enter is the server's to say. */}
        {linkToken() === undefined && <p class="muted">{texts.openHint}</p>}
      </div>
      <button
        type="button"
        class="icon-button"
        aria-label={texts.copyLink}
        title={texts.copyLink}
        onClick={() => void copyRoomLink(room)}
      >
        <Icon name="link" />
      </button>
    </div>
  );
}

function JoinForm({ session, joining }: { session: Session; joining: boolean }) {
  const texts = messages.value;
  const name = useSignal(preferences.value.name ?? '');
  const missing = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const [nameId, errorId] = [useId(), useId()];
  const { microphone, camera } = session.media;
  const relayOnly = preferences.value.relayOnly ?? false;
  const listening = microphone.value.fault !== undefined && camera.value.fault !== undefined;

  function submit(event: Event): void {
    event.preventDefault();
    const trimmed = truncateUtf8(name.value.trim(), NAME_BYTES_MAX);
    missing.value = trimmed === '';
    if (missing.value) input.current?.focus();
    else void session.join(trimmed);
  }

  return (
    <form class="name-form" onSubmit={submit} noValidate>
      <label for={nameId}>{texts.yourName}</label>
      <input
        ref={input}
        id={nameId}
        class="input"
        type="text"
        placeholder={texts.nameHint}
        autocomplete="nickname"
        enterkeyhint="go"
        value={name.value}
        disabled={joining}
        aria-invalid={missing.value}
        aria-describedby={missing.value ? errorId : undefined}
        onInput={(event) => {
          name.value = event.currentTarget.value;
          missing.value = false;
        }}
      />
      {missing.value && (
        <p id={errorId} class="field-error" role="alert">
          {texts.nameRequired}
        </p>
      )}
      <label class="switch">
        <span>
          {texts.relayOnly}
          <small class="muted">{texts.relayOnlyHint}</small>
        </span>
        <input
          type="checkbox"
          role="switch"
          checked={relayOnly}
          aria-checked={relayOnly}
          disabled={joining}
          onChange={(event) => preferences.update({ relayOnly: event.currentTarget.checked })}
        />
      </label>
      {joining ? (
        <div class="joining-row">
          <span class="joining" role="status">
            <span class="spinner" />
            {texts.joining}
          </span>
          <button type="button" class="button button-large" onClick={() => session.cancelJoin()}>
            {texts.cancel}
          </button>
        </div>
      ) : (
        <button type="submit" class="button button-primary button-large">
          {listening && <Icon name="headphones" />}
          {listening ? texts.joinToListen : texts.joinNow}
        </button>
      )}
    </form>
  );
}
