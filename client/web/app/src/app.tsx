import { LandingScreen } from './screens/landing/landing.js';
import { unsupportedReasons } from './screens/unsupported/reasons.js';
import { UnsupportedScreen } from './screens/unsupported/unsupported.js';
import { route } from './state/router.js';
import { lazy } from './ui/lazy.js';
import { Notices } from './ui/notices.js';

/** Everything for a meeting, with the client library: the landing page does without and fetches it ahead of need. */
const MeetingScreen = lazy(async () => (await import('./screens/meeting.js')).MeetingScreen, { page: true });

const reasons = unsupportedReasons();
if (reasons.length === 0) void MeetingScreen.preload();

/** The whole app. */
export function App() {
  return (
    <>
      <Screen />
      <Notices />
    </>
  );
}

function Screen() {
  if (reasons.length > 0) return <UnsupportedScreen reasons={reasons} />;
  const { value } = route;
  // The key makes another room a fresh start.
  return value.screen === 'room' ? <MeetingScreen key={value.room} room={value.room} /> : <LandingScreen />;
}
