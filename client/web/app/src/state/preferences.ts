import { signal } from '@preact/signals';

/** What is remembered on this device between visits. */
export interface Preferences {
  readonly name?: string;
  readonly language?: string;
  readonly microphoneId?: string;
  readonly cameraId?: string;
  readonly speakerId?: string;
  readonly microphoneOn?: boolean;
  readonly cameraOn?: boolean;
  readonly singleKeys?: boolean;
  /** Whether calls always go through the relay, so that other participants do not learn this device's address. */
  readonly relayOnly?: boolean;
  readonly recentRooms?: readonly RecentRoom[];
}

/** A room that was entered from here. */
export interface RecentRoom {
  readonly name: string;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

const STORAGE_KEY = 'moim';
/** How many recent rooms are remembered. */
const RECENT_ROOMS_MAX = 5;

const current = signal<Preferences>(load());

/** The preferences: read `value`, change by `update`. */
export const preferences = {
  /** What is remembered; reading it within a component or effect subscribes to it. */
  get value(): Preferences {
    return current.value;
  },

  /** Changes and stores some of it. */
  update(change: Preferences): void {
    current.value = { ...current.peek(), ...change };
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(current.peek()));
    } catch {
      // Private windows and full disks: the choice then holds for this visit.
    }
  },

  /** Puts `name` at the head of the recent rooms. */
  rememberRoom(name: string): void {
    const others = (current.peek().recentRooms ?? []).filter((room) => room.name !== name);
    this.update({ recentRooms: [{ name, at: Date.now() }, ...others].slice(0, RECENT_ROOMS_MAX) });
  },

  /** Takes `name` off the recent rooms. */
  forgetRoom(name: string): void {
    this.update({ recentRooms: (current.peek().recentRooms ?? []).filter((room) => room.name !== name) });
  },
};

function load(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    return isRecord(stored) ? sanitize(stored) : {};
  } catch {
    return {};
  }
}

/** Keeps what is of the right type: the store may hold what an older version, or somebody, wrote. */
function sanitize(stored: Record<string, unknown>): Preferences {
  const texts = ['name', 'language', 'microphoneId', 'cameraId', 'speakerId'];
  const flags = ['microphoneOn', 'cameraOn', 'singleKeys', 'relayOnly'];
  const rooms = Array.isArray(stored['recentRooms']) ? stored['recentRooms'].filter(isRecentRoom) : [];
  const kept = Object.entries(stored).filter(
    ([key, value]) =>
      (texts.includes(key) && typeof value === 'string') || (flags.includes(key) && typeof value === 'boolean'),
  );
  return { ...Object.fromEntries(kept), recentRooms: rooms.slice(0, RECENT_ROOMS_MAX) };
}

function isRecentRoom(value: unknown): value is RecentRoom {
  return isRecord(value) && typeof value['name'] === 'string' && typeof value['at'] === 'number';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
