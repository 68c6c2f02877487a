import { byteLength } from '../ids.js';
import type { ClientFrame } from '../protocol.js';
import { EventStreamParser } from './eventStream.js';
import { endpoint, type OpenLink, parseFrame } from './link.js';

/** Frames put into one POST. */
const BATCH_MAX = 64;

/**
 * A link over plain HTTP, for networks that break WebSockets: the server's frames come as server-sent events in the
 * response to a POST (which `EventSource` cannot send), the client's go in further POSTs, one at a time and in order.
 */
export const openEventsLink: OpenLink = (base, hello, handlers) => {
  const abort = new AbortController();
  const queue: ClientFrame[] = [];
  let authorization: string | undefined;
  let batchLenMax = 0;
  let posting = false;
  let leaving = false;

  const end = (reason: string) => {
    if (abort.signal.aborted) return;
    abort.abort();
    handlers.onclose(reason);
  };

  const listen = async () => {
    const response = await fetch(endpoint(base, '/signal/v1/events'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
      body: JSON.stringify({ type: 'hello', ...hello }),
      cache: 'no-store',
      signal: abort.signal,
    });
    if (!response.ok || response.body === null) return end(`the event stream was answered with ${response.status}`);
    const parser = new EventStreamParser((data) => {
      const frame = parseFrame(data);
      if (frame === undefined || abort.signal.aborted) return;
      if (frame.type === 'welcome') {
        authorization = `Bearer ${frame.session}.${frame.secret}`;
        batchLenMax = frame.limits.frameLenMax;
      }
      handlers.onframe(frame);
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) parser.push(chunk.value);
    end('the event stream ended');
  };

  /** The next frames, as one body. A body may be as long as a few frames (docs/protocol.md); this keeps it to one. */
  const takeBatch = () => {
    const lines: string[] = [];
    for (let length = 0; lines.length < BATCH_MAX && queue[0] !== undefined; queue.shift()) {
      const line = JSON.stringify(queue[0]);
      length += byteLength(line) + 1;
      if (lines.length > 0 && length > batchLenMax) break;
      lines.push(line);
    }
    return lines.join('\n');
  };

  const post = (body: string, keepalive: boolean) =>
    fetch(endpoint(base, '/signal/v1/frames'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson', Authorization: authorization ?? '' },
      body,
      keepalive,
      ...(keepalive ? {} : { signal: abort.signal }),
    });

  const flush = async () => {
    if (posting || authorization === undefined) return;
    posting = true;
    while (queue.length > 0) {
      const response = await post(takeBatch(), false);
      if (!response.ok) return end(`frames were answered with ${response.status}`);
    }
    posting = false;
  };

  const fail = (error: unknown) => end(error instanceof Error ? error.message : String(error));
  listen().catch(fail);
  return {
    transport: 'events',
    send(frame) {
      queue.push(frame);
      flush().catch(fail);
    },
    sendLast(frames) {
      if (authorization === undefined) return abort.abort();
      // Ending the stream first could end the session before the frames arrive.
      leaving = true;
      const lines = [...queue.splice(0), ...frames].map((frame) => JSON.stringify(frame));
      post(lines.join('\n'), true)
        .catch(() => undefined)
        .finally(() => abort.abort());
    },
    close() {
      if (!leaving) abort.abort();
    },
  };
};
