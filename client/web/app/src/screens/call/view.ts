import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Call } from '../../state/call.js';
import type { Session } from '../../state/session.js';

/** The panels beside the stage; one at a time. */
export type PanelName = 'chat' | 'people' | 'details';

/** What is open on the call's screen. */
export class CallView {
  /** The open panel. */
  readonly panel = signal<PanelName | undefined>(undefined);
  /** Whose connection the details begin with. */
  readonly detailsOf = signal<string | undefined>(undefined);
  /** Whether the phone's menu is open. */
  readonly moreOpen = signal(false);
  /** Whether the keyboard help is open. */
  readonly helpOpen = signal(false);
  /** Whether the page fills the screen. */
  readonly fullScreen = signal(document.fullscreenElement !== null);
  readonly session: Session;
  readonly call: Call;
  /** Whether nobody else is here. */
  readonly alone: ReadonlySignal<boolean>;

  /** Nothing is open at first. */
  constructor(session: Session, call: Call) {
    this.session = session;
    this.call = call;
    this.alone = computed(() => call.participants.value.length === 1);
  }

  /** Opens a panel in place of another, or closes it. */
  toggle(panel: PanelName): void {
    this.show(this.panel.value === panel ? undefined : panel);
  }

  /** Opens a panel, or closes whichever is open. */
  show(panel: PanelName | undefined): void {
    this.panel.value = panel;
    this.call.chat.setOpen(panel === 'chat');
    if (panel !== 'details') this.detailsOf.value = undefined;
  }

  /** Opens the connection details at one participant. */
  showDetailsOf(participantId: string): void {
    this.show('details');
    this.detailsOf.value = participantId;
  }

  /** Fills the screen, or no longer. */
  async toggleFullScreen(): Promise<void> {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await document.documentElement.requestFullscreen();
    } catch {
      // Phones without it, and frames that may not: the button then does nothing, as the page says nothing untrue.
    }
  }
}

/** The view of the call around a component. */
export const CallViewContext = createContext<CallView | undefined>(undefined);

/** The view of the call around this component. */
export function useCallView(): CallView {
  const view = useContext(CallViewContext);
  if (!view) throw new Error('a part of the call was rendered outside of it');
  return view;
}
