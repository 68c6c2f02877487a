/** How large tiles can be. Pure geometry, in CSS pixels. */

/** A size in CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What there is to lay out. */
export interface GridInput extends Size {
  /** How many tiles. */
  readonly count: number;
  /** The space between two tiles. */
  readonly gap: number;
}

/** The outcome: all tiles are of one size. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly tile: Size;
}

/** The widest tile: a camera's own shape. */
const RATIO_MAX = 16 / 9;
/** The narrowest tile in a landscape area: less would cut faces off cameras that are wide. */
const RATIO_MIN_LANDSCAPE = 4 / 3;
/** The narrowest tile in a portrait area, which is a phone's, as its camera's picture is. */
const RATIO_MIN_PORTRAIT = 9 / 16;

/** The number of columns that makes tiles largest, and their size; fewer columns win a tie. */
export function gridLayout({ width, height, count, gap }: GridInput): Grid {
  let best: Grid = { columns: 1, rows: Math.max(count, 1), tile: { width: 0, height: 0 } };
  const ratioMin = width >= height ? RATIO_MIN_LANDSCAPE : RATIO_MIN_PORTRAIT;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cell = {
      width: Math.floor((width - gap * (columns - 1)) / columns),
      height: Math.floor((height - gap * (rows - 1)) / rows),
    };
    const tile = fit(cell, ratioMin, RATIO_MAX);
    if (tile.width * tile.height > best.tile.width * best.tile.height) best = { columns, rows, tile };
  }
  return best;
}

/** The least size at which a face is to be seen. */
const TILE_MIN: Size = { width: 150, height: 112 };
/** The most tiles at a time: more are more to decode than to see. */
const TILES_MAX = 16;

/** How many tiles of a size at which faces are to be seen an area has room for. */
export function tilesMax(area: Omit<GridInput, 'count'>): number {
  for (let count = TILES_MAX; count > 1; count -= 1) {
    const { tile } = gridLayout({ ...area, count });
    if (tile.width >= TILE_MIN.width && tile.height >= TILE_MIN.height) return count;
  }
  return 1;
}

/** The largest size within `cell` whose ratio of width to height lies between `ratioMin` and `ratioMax`. */
export function fit(cell: Size, ratioMin: number, ratioMax: number): Size {
  const width = Math.max(cell.width, 0);
  const height = Math.max(cell.height, 0);
  if (width === 0 || height === 0) return { width: 0, height: 0 };
  const ratio = width / height;
  if (ratio > ratioMax) return { width: Math.floor(height * ratioMax), height };
  if (ratio < ratioMin) return { width, height: Math.floor(width / ratioMin) };
  return { width, height };
}

/** How much wider than its tile a picture may be to be cut at its sides: faces are in the middle. */
const CROP_SIDES_MAX = 2.7;
/** How much taller than its tile a picture may be to be cut above and below, where heads are. */
const CROP_ENDS_MAX = 1.8;

/**
 * Whether a picture may be cut at its edges to fill its tile. One of a very different shape, such as a phone held upright in a
 * wide tile, would lose too much and is shown whole.
 */
export function mayCrop(picture: Size, tile: Size): boolean {
  if (picture.width === 0 || picture.height === 0 || tile.width === 0 || tile.height === 0) return true;
  const factor = (picture.width / picture.height) * (tile.height / tile.width);
  return factor <= CROP_SIDES_MAX && 1 / factor <= CROP_ENDS_MAX;
}
