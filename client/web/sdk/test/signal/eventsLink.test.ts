import { afterEach, expect, test, vi } from 'vitest';
import type { ClientFrame, ServerFrame } from '../../src/protocol.js';
import { openEventsLink } from '../../src/signal/eventsLink.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A server whose event stream stays open; resolves once `frames` frames have come, with the body of each POST. */
function serve(frameLenMax: number, frames: number): { base: URL; posts: string[]; done: Promise<void> } {
  const posts: string[] = [];
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const limits = { frameLenMax, nameLenMax: 64, metadataLenMax: 4_096, chatLenMax: 8_192, tracksMax: 8 };
  const times = { heartbeatMs: 1e6, resumeWindowMs: 30_000 };
  const welcome: ServerFrame = {
    type: 'welcome',
    session: 's',
    secret: 'x',
    resumed: false,
    ack: 0,
    open: true,
    limits,
    ...times,
  };
  vi.stubGlobal('fetch', async (url: URL, { body }: { body: string }) => {
    if (url.pathname.endsWith('/events')) {
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(welcome)}\n\n`)),
      });
      return { ok: true, body: stream };
    }
    posts.push(body);
    if (posts.join('\n').split('\n').length === frames) finish();
    return { ok: true, status: 204 };
  });
  return { base: new URL('https://meet.test'), posts, done };
}

test('frames that wait go in as many posts as the server takes', async () => {
  const { base, posts, done } = serve(1_000, 10);
  const frame = (seq: number): ClientFrame => ({
    ...{ type: 'message', seq, ack: 0 },
    body: { type: 'chat', id: String(seq), text: '모'.repeat(100) },
  });
  const link = openEventsLink(
    base,
    { version: 1 },
    {
      onframe: () => {
        for (let seq = 1; seq <= 10; seq += 1) link.send(frame(seq));
      },
      onclose: (reason) => expect.fail(reason),
    },
  );
  await done;
  link.close();
  for (const post of posts) expect(new TextEncoder().encode(post).length).toBeLessThanOrEqual(1_000);
  expect(
    posts
      .join('\n')
      .split('\n')
      .map((line) => JSON.parse(line).seq),
  ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});
