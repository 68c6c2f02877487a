/** The ICE servers of a room: as the server names them, and fresh ones in time. */
import type { IceServer } from '../protocol.js';

/** The least time between two requests for fresh credentials, in milliseconds: also a server that hands out short ones is not pestered. */
const REFRESH_MS_MIN = 10_000;
/** The longest time that a timer can wait, in milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Holds the ICE servers, and asks for others halfway through the lifetime of their credentials. */
export class IceServers {
  readonly #refresh: () => void;
  #servers: readonly IceServer[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `refresh` asks the server for other ones, which {@link take} then gets. */
  constructor(refresh: () => void) {
    this.#refresh = refresh;
  }

  /** As the browser takes them: `{host}` becomes the host by which the server was reached. */
  forBrowser(base: URL): RTCIceServer[] {
    // `hostname` has the brackets of an IPv6 address, as STUN and TURN URIs want them (RFC 7064 §3.1).
    return this.#servers.map(({ urls, lifetimeMs: _, ...credentials }) => ({
      ...credentials,
      urls: urls.map((url) => url.replaceAll('{host}', base.hostname)),
    }));
  }

  /** Takes what the server says. */
  take(servers: readonly IceServer[]): void {
    this.#servers = servers;
    clearTimeout(this.#timer);
    const lifetimes = servers.flatMap(({ lifetimeMs }) => (lifetimeMs === undefined ? [] : [lifetimeMs]));
    if (lifetimes.length === 0) return;
    const wait = Math.min(TIMER_MS_MAX, Math.max(REFRESH_MS_MIN, Math.min(...lifetimes) / 2));
    this.#timer = setTimeout(this.#refresh, wait);
  }

  /** Asks no more. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
