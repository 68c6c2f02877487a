import { expect, test, vi } from 'vitest';
import { Emitter } from '../src/events.js';

class Bell extends Emitter<{ ring(times: number): void }> {
  ring(times: number): void {
    this.emit('ring', times);
  }
}

test('calls handlers in order, as often as they are registered', () => {
  const bell = new Bell();
  const calls: string[] = [];
  bell.on('ring', (times) => calls.push(`a${times}`)).on('ring', (times) => calls.push(`b${times}`));
  bell.ring(1);
  bell.ring(2);
  expect(calls).toEqual(['a1', 'b1', 'a2', 'b2']);
});

test('once is once, and off takes either kind away', () => {
  const bell = new Bell();
  const often = vi.fn();
  const single = vi.fn();
  bell.on('ring', often).once('ring', single).once('ring', often).off('ring', often);
  bell.ring(1);
  bell.ring(2);
  expect(single.mock.calls).toEqual([[1]]);
  expect(often).toHaveBeenCalledTimes(2);
});

test('a handler may take itself or others away while it is called', () => {
  const bell = new Bell();
  const second = vi.fn();
  const first = () => void bell.off('ring', first).off('ring', second);
  bell.on('ring', first).on('ring', second);
  bell.ring(1);
  bell.ring(2);
  expect(second.mock.calls).toEqual([[1]]);
});

test('a handler that throws keeps nobody else from being called', async () => {
  const bell = new Bell();
  const later = vi.fn();
  const uncaught = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
    expect(task).toThrow('mine');
  });
  bell
    .on('ring', () => {
      throw new Error('mine');
    })
    .on('ring', later);
  bell.ring(1);
  expect(later).toHaveBeenCalledOnce();
  expect(uncaught).toHaveBeenCalledOnce();
  uncaught.mockRestore();
});
