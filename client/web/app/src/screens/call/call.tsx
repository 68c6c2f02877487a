import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Call } from '../../state/call.js';
import type { Session } from '../../state/session.js';
import { lazy } from '../../ui/lazy.js';
import { Banners } from './banners.js';
import { useCallKeys, useCallTitle, useFullScreenState, useWakeLock } from './effects.js';
import { Panel } from './panel.js';
import { Sounds } from './sounds.js';
import { Stage } from './stage.js';
import { Toolbar } from './toolbar.js';
import { CallView, CallViewContext } from './view.js';
import { WayLine } from './wayLine.js';

const ChatPanel = lazy(async () => (await import('./chatPanel.js')).ChatPanel);
const PeoplePanel = lazy(async () => (await import('./peoplePanel.js')).PeoplePanel);
const DetailsPanel = lazy(async () => (await import('./details/detailsPanel.js')).DetailsPanel);
const HelpDialog = lazy(async () => (await import('./help/helpDialog.js')).HelpDialog);

/** The call itself. */
export function CallScreen({ session, call }: { session: Session; call: Call }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const view = useMemo(() => new CallView(session, call), [session, call]);
  useCallTitle(view);
  useCallKeys(view);
  useWakeLock();
  useFullScreenState(view);
  useEffect(() => {
    // Fetched while there is a connection: a panel that is opened while it is cut must be here already.
    for (const part of [ChatPanel, PeoplePanel, DetailsPanel, HelpDialog]) void part.preload();
    return () => view.show(undefined);
  }, [view]);
  // What had the focus is gone with the page before: the heading tells where one is.
  useEffect(() => heading.current?.focus(), []);
  const panel = view.panel.value;
  return (
    <CallViewContext.Provider value={view}>
      <div class={`call${panel ? ` call-with-panel call-with-${panel}` : ''}`}>
        <main class="call-main">
          <h1 ref={heading} class="visually-hidden" tabIndex={-1}>
            {call.roomName}
          </h1>
          <Banners />
          <Stage />
          <WayLine />
        </main>
        {panel && (
          <Panel key={panel} name={panel}>
            {panel === 'chat' && <ChatPanel />}
            {panel === 'people' && <PeoplePanel />}
            {panel === 'details' && <DetailsPanel />}
          </Panel>
        )}
        <Toolbar />
        <Sounds />
        {view.helpOpen.value && <HelpDialog onClose={() => (view.helpOpen.value = false)} />}
      </div>
    </CallViewContext.Provider>
  );
}
