import { expect, test } from 'vitest';
import { decideAttempt, decideOffer, isPolite } from '../../src/peer/negotiation.js';

test('of two participants exactly one is polite: the one with the smaller id', () => {
  expect(isPolite('p_a', 'p_b')).toBe(true);
  expect(isPolite('p_b', 'p_a')).toBe(false);
  expect(isPolite('p_', 'p_a')).toBe(true);
});

test('an offer that crosses with none of ours is taken', () => {
  for (const polite of [true, false]) {
    for (const signalingState of ['stable', 'have-remote-offer'] as const) {
      expect(decideOffer({ polite, makingOffer: false, signalingState })).toBe('take');
    }
  }
});

test('of two offers that cross, the impolite one stands', () => {
  const crossed = [
    { makingOffer: true, signalingState: 'stable' },
    { makingOffer: false, signalingState: 'have-local-offer' },
  ] as const;
  for (const state of crossed) {
    expect(decideOffer({ ...state, polite: true })).toBe('giveWay');
    expect(decideOffer({ ...state, polite: false })).toBe('ignore');
  }
});

test('of two attempts that cross, both sides keep the same one', () => {
  const ownUnanswered = true;
  expect(decideAttempt({ polite: true, retired: false, ownUnanswered })).toBe('begin');
  expect(decideAttempt({ polite: false, retired: false, ownUnanswered })).toBe('ignore');
});

test('a new attempt replaces one that was answered, and a dropped one never comes back', () => {
  for (const polite of [true, false]) {
    expect(decideAttempt({ polite, retired: false, ownUnanswered: false })).toBe('begin');
    expect(decideAttempt({ polite, retired: true, ownUnanswered: false })).toBe('ignore');
  }
});
