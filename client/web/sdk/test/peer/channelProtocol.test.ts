import { expect, test } from 'vitest';
import {
  CONTROL_LEN_MAX,
  DATA_LEN_MAX,
  encodeControl,
  encodeData,
  parseControl,
  parseData,
} from '../../src/peer/channelProtocol.js';

test('what is written is read', () => {
  const chat = { type: 'chat', id: 'a1', text: '안녕 <b>', private: true } as const;
  expect(parseControl(encodeControl(chat))).toEqual(chat);
  expect(parseControl(encodeControl({ type: 'chatReceived', id: 'a1' }))).toEqual({ type: 'chatReceived', id: 'a1' });
  for (const topic of [undefined, 'cursor', '모임']) {
    const payload = Uint8Array.of(0, 255, 7);
    expect(parseData(encodeData(payload, topic))).toEqual({ topic, payload });
  }
});

test.each([
  ['not JSON', '{'],
  ['no object', '[1]'],
  ['null', 'null'],
  ['no version', '{"type":"chatReceived","id":"a"}'],
  ['another version', '{"v":2,"type":"chatReceived","id":"a"}'],
  ['unknown type', '{"v":1,"type":"evil","id":"a"}'],
  ['no id', '{"v":1,"type":"chat","text":"x"}'],
  ['empty id', '{"v":1,"type":"chat","id":"","text":"x"}'],
  ['long id', `{"v":1,"type":"chat","id":"${'x'.repeat(65)}","text":"x"}`],
  ['id of another type', '{"v":1,"type":"chat","id":{"toString":1},"text":"x"}'],
  ['no text', '{"v":1,"type":"chat","id":"a"}'],
  ['text of another type', '{"v":1,"type":"chat","id":"a","text":["x"]}'],
  ['too long', JSON.stringify({ v: 1, type: 'chat', id: 'a', text: 'x'.repeat(CONTROL_LEN_MAX) })],
])('a control message with %s is dropped', (_what, text) => {
  expect(parseControl(text)).toBeUndefined();
});

test.each([
  ['nothing', []],
  ['no topic length', [1]],
  ['another version', [2, 0, 1]],
  ['a topic beyond its end', [1, 5, 97]],
  ['a topic longer than any may be', [1, 65, ...new Array(80).fill(97)]],
  ['a topic that is no UTF-8', [1, 2, 0xc3, 0x28]],
  ['a payload longer than any may be', [1, 0, ...new Array(DATA_LEN_MAX + 1).fill(0)]],
])('a data frame with %s is dropped', (_what, bytes) => {
  expect(parseData(Uint8Array.from(bytes))).toBeUndefined();
});
