import type { Transport } from '../options.js';
import type { ClientFrame, Hello, ServerFrame } from '../protocol.js';

/** One transport connection to the server; see "Links" in docs/protocol.md. */
export interface Link {
  /** How it travels. */
  readonly transport: Transport;
  /** Sends a frame, after those before it. */
  send(frame: ClientFrame): void;
  /** Sends the last frames of a page that is about to go, and closes. */
  sendLast(frames: readonly ClientFrame[]): void;
  /** Closes without a word. Nothing is reported after that. */
  close(): void;
}

/** What a link reports. */
export interface LinkHandlers {
  /** A frame came. */
  onframe(frame: ServerFrame): void;
  /** It is gone, or could not be opened; the last call. */
  onclose(reason: string): void;
}

/** Opens a link and says `hello` on it. Failure is reported by `onclose`, never thrown. */
export type OpenLink = (base: URL, hello: Hello, handlers: LinkHandlers) => Link;

/** Reads a frame. `undefined` for anything that is none. */
export function parseFrame(text: string): ServerFrame | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isFrame = typeof frame === 'object' && frame !== null && 'type' in frame && typeof frame.type === 'string';
  return isFrame ? (frame as ServerFrame) : undefined;
}

/** The address of an endpoint, below whatever path the server was given with. */
export function endpoint(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/+$/, '') + path;
  return url;
}
