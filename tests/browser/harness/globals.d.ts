import type { Probe } from './probe.mjs';

declare global {
  interface Window {
    /** Installed by the tests in every page. */
    __probe: Probe;
    /** The application's own handle for debugging: the room of the call that is going on. */
    __moim?: { room: MoimRoom };
  }
}

/** As much of the client library's `Room` as the tests look at. */
interface MoimRoom {
  readonly state: string;
  readonly transport: string | undefined;
  readonly localParticipant: { readonly id: string };
  readonly remoteParticipants: ReadonlyMap<string, RemoteParticipant>;
  readonly serverConnection: Trace | undefined;
}

/** What the server forwards of a track. */
export interface Reception {
  readonly layer?: { readonly encoding: number; readonly temporal: number };
  readonly reason: string;
}

interface RemoteParticipant {
  readonly name: string;
  readonly link: string;
  readonly isMicrophoneEnabled: boolean;
  readonly connection: Trace;
  getTrackPublication(source: string): { readonly reception: Reception | undefined } | undefined;
}

interface Trace {
  readonly state: string;
  readonly steps: readonly {
    readonly at: number;
    readonly time: number;
    readonly code: string;
    readonly text: string;
  }[];
  readonly candidates: unknown;
  readonly pairs: unknown;
  readonly media: unknown;
}
