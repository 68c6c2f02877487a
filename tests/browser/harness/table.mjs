// What came of tests that belong together, as a table: printed when all of them are over.

/** @type {Table[]} */
const tables = [];

export class Table {
  #title;
  /** @type {Map<string, Map<string, string[]>>} */
  #rows = new Map();

  /** @param {string} title */
  constructor(title) {
    this.#title = title;
    tables.push(this);
  }

  /**
   * Does something, and notes in a cell what came of it. What is there already is not said twice.
   * @param {string} row
   * @param {string} column
   * @param {string} which of what belongs into the cell it is, should it fail
   * @param {() => Promise<string>} play
   */
  async note(row, column, which, play) {
    try {
      this.#add(row, column, await play());
    } catch (error) {
      this.#add(row, column, `${which}: FAILED`);
      throw error;
    }
  }

  /**
   * @param {string} row
   * @param {string} column
   * @param {string} outcome
   */
  #add(row, column, outcome) {
    const cells = this.#rows.get(row) ?? new Map();
    const others = (cells.get(column) ?? []).filter((/** @type {string} */ other) => other !== outcome);
    this.#rows.set(row, cells.set(column, [...others, outcome]));
  }

  /** As lines of Markdown; nothing if no cell was filled. */
  toString() {
    if (this.#rows.size === 0) return '';
    const columns = [...new Set([...this.#rows.values()].flatMap((cells) => [...cells.keys()]))];
    const lines = [...this.#rows].map(([row, cells]) => [
      row,
      ...columns.map((column) => cells.get(column)?.join('; ') ?? ''),
    ]);
    const written = [['', ...columns], ['', ...columns].map(() => '---'), ...lines];
    return [`\n${this.#title}\n`, ...written.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
  }
}

/** Prints every table that has something in it. */
export function printTables() {
  for (const table of tables.map(String).filter((text) => text !== '')) console.log(table);
}
