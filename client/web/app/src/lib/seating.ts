/** Who sits where when there are more people than places in sight. Pure. */

/** Keeps people where they are, and brings whoever speaks into sight. */
export class Seating {
  #order: readonly string[] = [];
  readonly #spokeAt = new Map<string, number>();
  #turn = 0;

  /**
   * The order of `ids`, of which the first `inSight` are in sight at once. Those who come go to the end. Whoever speaks out of sight
   * changes places with the one in sight who has been silent longest; all others stay where they are.
   */
  update(ids: readonly string[], speaking: readonly string[], inSight: number): readonly string[] {
    this.#turn += 1;
    const here = new Set(ids);
    for (const id of this.#spokeAt.keys()) if (!here.has(id)) this.#spokeAt.delete(id);
    for (const id of speaking) if (here.has(id)) this.#spokeAt.set(id, this.#turn);
    const known = new Set(this.#order);
    const order = [...this.#order.filter((id) => here.has(id)), ...ids.filter((id) => !known.has(id))];
    for (const id of speaking) {
      const from = order.indexOf(id);
      const to = from < inSight ? -1 : this.#quietest(order.slice(0, inSight), speaking);
      const other = order[to];
      if (other === undefined) continue;
      order[to] = id;
      order[from] = other;
    }
    this.#order = order;
    return order;
  }

  /** Where the one sits who has been silent longest, the last of several; -1 if all speak. */
  #quietest(seats: readonly string[], speaking: readonly string[]): number {
    let found = -1;
    let since = Number.POSITIVE_INFINITY;
    for (const [seat, id] of seats.entries()) {
      const spokeAt = this.#spokeAt.get(id) ?? 0;
      if (speaking.includes(id) || spokeAt > since) continue;
      found = seat;
      since = spokeAt;
    }
    return found;
  }
}

/** What is on one page of several: some of the others, and oneself on the first. */
export interface Page {
  /** Where its people begin among the others, and where they end. */
  readonly from: number;
  readonly to: number;
}

/** Divides `others` among pages of `places`, of which oneself takes `own` on the first. There is at least one page. */
export function pagesOf(others: number, places: number, own: number): readonly Page[] {
  const pages: Page[] = [];
  let from = 0;
  do {
    const room = Math.max(1, pages.length === 0 ? places - own : places);
    const to = Math.min(others, from + room);
    pages.push({ from, to });
    from = to;
  } while (from < others);
  return pages;
}
