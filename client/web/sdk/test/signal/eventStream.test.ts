import { expect, test } from 'vitest';
import { EventStreamParser } from '../../src/signal/eventStream.js';

const STREAM = ': alive\n\ndata: {"a":1}\n\nevent: close\r\ndata:{"b":2}\r\n\r\nid: 7\rdata: x\rdata: y\r\r';
const EVENTS = ['{"a":1}', '{"b":2}', 'x\ny'];

function parse(pieces: string[]): string[] {
  const events: string[] = [];
  const parser = new EventStreamParser((data) => events.push(data));
  for (const piece of pieces) parser.push(piece);
  return events;
}

test('reads events, however lines end and wherever the stream is cut', () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    // A last line end of a bare carriage return waits for what follows.
    expect(parse([...pieces, ':'])).toEqual(EVENTS);
  }
});

test('an event without an end is an error, not growth', () => {
  expect(() => parse(Array.from({ length: 20 }, () => 'x'.repeat(100_000)))).toThrow();
});
