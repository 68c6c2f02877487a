/** The shape of an event table: names and what their handlers take. */
export type EventTable<E> = { [K in keyof E]: (...args: never[]) => void };

type Handler = (...args: unknown[]) => void;

/** A small typed event emitter. A handler that throws does not keep the others from being called. */
export class Emitter<E extends EventTable<E>> {
  readonly #handlers = new Map<keyof E, Handler[]>();

  /** Calls `handler` whenever `event` happens. */
  on<K extends keyof E>(event: K, handler: E[K]): this {
    // The list is replaced, never changed: an emit that is under way keeps to the list it began with.
    this.#handlers.set(event, [...(this.#handlers.get(event) ?? []), handler as unknown as Handler]);
    return this;
  }

  /** Stops calling `handler`; the newest registration goes first. */
  off<K extends keyof E>(event: K, handler: E[K]): this {
    const handlers = this.#handlers.get(event) ?? [];
    const wanted = handler as unknown as Handler;
    const index = handlers.findLastIndex((known) => known === wanted || onceOf.get(known) === wanted);
    if (index >= 0) this.#handlers.set(event, handlers.toSpliced(index, 1));
    return this;
  }

  /** Calls `handler` the next time `event` happens, and then no more. */
  once<K extends keyof E>(event: K, handler: E[K]): this {
    const wrapper: Handler = (...args) => {
      this.off(event, wrapper as unknown as E[K]);
      (handler as unknown as Handler)(...args);
    };
    onceOf.set(wrapper, handler as unknown as Handler);
    return this.on(event, wrapper as unknown as E[K]);
  }

  /** Calls the handlers of `event` in the order of their registration. */
  protected emit<K extends keyof E>(event: K, ...args: Parameters<E[K]>): void {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(...args);
      } catch (error) {
        // An application's mistake belongs in its own console and error reporting, not in the middle of a call.
        reportLater(error);
      }
    }
  }
}

/** Which handler a `once` wrapper stands for, so that `off` finds it. */
const onceOf = new WeakMap<Handler, Handler>();

function reportLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
