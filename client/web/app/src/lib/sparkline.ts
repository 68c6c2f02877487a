/** A line for a series of measurements, as the points of an SVG polyline. Pure. */

/**
 * Points within `width` by `height`, the newest at the right edge. Gaps (`undefined`) are passed over. `floor` is the least value
 * that the top stands for, so that noise around nothing stays flat.
 */
export function sparklinePoints(
  values: readonly (number | undefined)[],
  capacity: number,
  size: { readonly width: number; readonly height: number },
  floor: number,
): string {
  const top = Math.max(floor, ...values.map((value) => value ?? 0));
  const step = size.width / Math.max(capacity - 1, 1);
  return values
    .flatMap((value, index) => {
      if (value === undefined) return [];
      const x = size.width - (values.length - 1 - index) * step;
      const y = size.height - (value / top) * size.height;
      return [`${x.toFixed(1)},${y.toFixed(1)}`];
    })
    .join(' ');
}
