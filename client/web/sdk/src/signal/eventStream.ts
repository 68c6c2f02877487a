/** Most characters of an event that has not ended yet. */
const EVENT_LEN_MAX = 1 << 20;

/** Parses `text/event-stream` (HTML §9.2.6), as far as the protocol uses it: `data` lines, comments, blank lines. */
export class EventStreamParser {
  readonly #ondata: (data: string) => void;
  #rest = '';
  #data: string[] = [];

  /** Calls `ondata` with the data of each event. */
  constructor(ondata: (data: string) => void) {
    this.#ondata = ondata;
  }

  /** Takes a piece of the stream, cut anywhere. Throws when an event is longer than any can be. */
  push(piece: string): void {
    // A carriage return at the end may be half of a line end, so it waits for what follows.
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
    const pending = this.#data.reduce((sum, data) => sum + data.length, this.#rest.length);
    if (pending > EVENT_LEN_MAX) throw new Error('the event stream carries an event without an end');
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length > 0) this.#ondata(this.#data.join('\n'));
      this.#data = [];
    } else if (line.startsWith('data:')) {
      this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
    }
  }
}
