import { useSignal } from '@preact/signals';
import { useEffect, useId } from 'preact/hooks';
import { generateRoomName, parseRoomInput } from '../../lib/roomName.js';
import { preferences } from '../../state/preferences.js';
import { navigate, roomPath } from '../../state/router.js';
import { Icon, type IconName } from '../../ui/icon.js';
import { TopBar } from '../../ui/topBar.js';
import { Illustration } from './illustration.js';
import { messages } from './messages.js';

/** The front page: begin a meeting or enter one. */
export function LandingScreen() {
  const texts = messages.value;
  useEffect(() => {
    document.title = 'moim';
  }, []);
  return (
    <div class="page landing">
      <TopBar />
      <main class="landing-main">
        <section class="hero">
          <div class="hero-text">
            <h1>{texts.title}</h1>
            <p class="lead">{texts.lead}</p>
            <div class="hero-actions">
              <button
                type="button"
                class="button button-primary button-large"
                onClick={() => navigate(roomPath(generateRoomName()))}
              >
                <Icon name="plus" />
                {texts.newMeeting}
              </button>
              <p class="divider">{texts.or}</p>
              <JoinForm />
            </div>
            <RecentRooms />
          </div>
          <Illustration />
        </section>
        <ul class="points">
          <Point icon="link" {...texts.points.direct} />
          <Point icon="shield" {...texts.points.private} />
          <Point icon="activity" {...texts.points.open} />
        </ul>
      </main>
    </div>
  );
}

function Point({ icon, title, text }: { icon: IconName; title: string; text: string }) {
  return (
    <li>
      <Icon name={icon} />
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
    </li>
  );
}

function JoinForm() {
  const texts = messages.value;
  const input = useSignal('');
  const invalid = useSignal(false);
  const errorId = useId();

  function submit(event: Event): void {
    event.preventDefault();
    const room = parseRoomInput(input.value);
    if (room) navigate(roomPath(room));
    else invalid.value = true;
  }

  return (
    <form class="join-form" onSubmit={submit}>
      <div class="field-row">
        <input
          class="input"
          type="text"
          aria-label={texts.roomName}
          placeholder={texts.roomHint}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          enterkeyhint="go"
          value={input.value}
          aria-invalid={invalid.value}
          aria-describedby={invalid.value ? errorId : undefined}
          onInput={(event) => {
            input.value = event.currentTarget.value;
            invalid.value = false;
          }}
        />
        <button type="submit" class="button button-large">
          {texts.join}
        </button>
      </div>
      {invalid.value && (
        <p id={errorId} class="field-error" role="alert">
          {texts.invalidRoom}
        </p>
      )}
    </form>
  );
}

function RecentRooms() {
  const texts = messages.value;
  const rooms = preferences.value.recentRooms ?? [];
  if (rooms.length === 0) return null;
  return (
    <section class="recent">
      <h2>{texts.recent}</h2>
      <ul>
        {rooms.map(({ name }) => (
          <li key={name} class="recent-room">
            <button type="button" class="recent-open" onClick={() => navigate(roomPath(name))}>
              <Icon name="clock" size={16} />
              <span>{name}</span>
            </button>
            <button
              type="button"
              class="icon-button icon-button-small"
              aria-label={texts.forget(name)}
              onClick={() => preferences.forgetRoom(name)}
            >
              <Icon name="close" size={16} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
