import '../styles/prejoin.css';
import '../styles/call.css';
import '../styles/panels.css';
import '../styles/toolbar.css';
import { useEffect, useMemo } from 'preact/hooks';
import { Session } from '../state/session.js';
import { lazy } from '../ui/lazy.js';
import { PrejoinScreen } from './prejoin/prejoin.js';

const CallScreen = lazy(async () => (await import('./call/call.js')).CallScreen, { page: true });
const EndedScreen = lazy(async () => (await import('./left/ended.js')).EndedScreen, { page: true });

/** A visit to a room, from the page before the call to the page after it. */
export function MeetingScreen({ room }: { room: string }) {
  const session = useMemo(() => new Session(room), [room]);
  useEffect(() => {
    // Fetched while one is at the door.
    void CallScreen.preload();
    // It tells that the connection was lost, so it has to be here before that.
    void EndedScreen.preload();
    return () => session.dispose();
  }, [session]);
  const phase = session.phase.value;
  switch (phase.kind) {
    case 'prejoin':
    case 'joining':
      return <PrejoinScreen session={session} joining={phase.kind === 'joining'} />;
    case 'call':
      return <CallScreen session={session} call={phase.call} />;
    case 'ended':
      return <EndedScreen session={session} reason={phase.reason} />;
  }
}
