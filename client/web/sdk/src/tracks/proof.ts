/** How much has to come: of pictures, enough to see that more follow; of sound, packets of a tenth of a second. */
const PICTURES = 3;
const PACKETS = 5;
/** Time between two looks at a receiver, in milliseconds, and how many there are before they become rare. */
const LOOK_MS = 60;
const LOOKS_MAX = 150;
/** Time between two looks at a receiver from which nothing has come for long, in milliseconds. */
const RARE_MS = 1_000;

/** Waits until a receiver has decoded some pictures, or was sent some sound, from now on. */
export class Proof {
  /** Whose. */
  readonly receiver: RTCRtpReceiver;
  readonly #onproven: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;
  /** What had come at the first look: a section may have shown something else before. */
  #before: number | undefined;
  #proven = false;
  #stopped = false;

  /** Looks from now on. */
  constructor(receiver: RTCRtpReceiver, onproven: () => void) {
    this.receiver = receiver;
    this.#onproven = onproven;
    void this.#look();
  }

  /** Whether something has come. */
  get proven(): boolean {
    return this.#proven;
  }

  /** Looks no more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const come = await this.#come();
    if (this.#stopped) return;
    const enough = this.receiver.track.kind === 'video' ? PICTURES : PACKETS;
    if (come !== undefined && this.#before !== undefined && come >= this.#before + enough) {
      this.#proven = true;
      this.#onproven();
      return;
    }
    this.#before ??= come;
    this.#looks += 1;
    this.#timer = setTimeout(() => void this.#look(), this.#looks > LOOKS_MAX ? RARE_MS : LOOK_MS);
  }

  async #come(): Promise<number | undefined> {
    let come: number | undefined;
    try {
      const report = await this.receiver.getStats();
      report.forEach((entry: { type: string; kind?: string; framesDecoded?: number; packetsReceived?: number }) => {
        if (entry.type !== 'inbound-rtp') return;
        come = (come ?? 0) + ((entry.kind === 'video' ? entry.framesDecoded : entry.packetsReceived) ?? 0);
      });
    } catch {
      // Its connection has closed: nothing will come.
      return undefined;
    }
    // There is no such entry before the first packet.
    return come ?? 0;
  }
}
