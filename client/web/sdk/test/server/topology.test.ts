import { expect, test } from 'vitest';
import { TopologyState } from '../../src/server/topology.js';

const sends = (state: TopologyState) => [state.sends('mesh'), state.sends('sfu')];

test('whoever joins a mesh sends directly; whoever joins where the server forwards, to the server', () => {
  expect(sends(new TopologyState('mesh', 'few'))).toEqual([true, false]);
  const joined = new TopologyState('sfu', 'many');
  expect(joined.sends('sfu')).toBe(true);
  // Others may still be switching, and the server counts everybody.
  expect([joined.settled, joined.arrive(), joined.arrive()]).toEqual([false, true, false]);
});

test('both ways are sent by until everybody has switched', () => {
  const state = new TopologyState('mesh', 'few');
  expect(state.decide('sfu', 'many')).toBe(true);
  expect([state.topology, state.reason, ...sends(state)]).toEqual(['sfu', 'many', true, true]);
  expect([state.arrive(), state.arrive()]).toEqual([true, false]);
  expect(sends(state)).toEqual([true, true]);
  expect([state.settle('sfu'), state.settle('sfu')]).toEqual([true, false]);
  expect(sends(state)).toEqual([false, true]);
});

test('the newest decision counts: what was decided before it neither settles nor is told', () => {
  const state = new TopologyState('mesh', 'few');
  state.decide('sfu', 'many');
  state.arrive();
  state.decide('mesh', 'few');
  expect(state.settle('sfu')).toBe(false);
  expect(sends(state)).toEqual([true, true]);
  expect(state.arrive()).toBe(true);
  expect(state.settle('mesh')).toBe(true);
  expect(sends(state)).toEqual([true, false]);
});

test('another reason for the same way is news, and changes nothing else', () => {
  const state = new TopologyState('mesh', 'few');
  state.decide('sfu', 'pathPoor');
  state.settle('sfu');
  expect([state.decide('sfu', 'many'), state.decide('sfu', 'many')]).toEqual([true, false]);
  expect([state.settled, state.arrive()]).toEqual([true, false]);
});
