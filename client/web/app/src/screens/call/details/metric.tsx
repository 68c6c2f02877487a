import { sparklinePoints } from '../../../lib/sparkline.js';

/** The drawing's own units; it is stretched to its box. */
const SIZE = { width: 120, height: 28 };
/** How many samples the width holds at least: with fewer, the line begins further right. */
const SAMPLES_MIN = 30;

interface MetricProps {
  label: string;
  value: string;
  /** The recent past, oldest first. */
  values: readonly (number | undefined)[];
  /** The least value that the chart's top stands for. */
  floor: number;
  alarming?: boolean;
}

/** A measurement now, with its last two minutes as a line. */
export function Metric({ label, value, values, floor, alarming = false }: MetricProps) {
  const points = sparklinePoints(values, Math.max(SAMPLES_MIN, values.length), SIZE, floor);
  return (
    <div class={`metric${alarming ? ' metric-alarming' : ''}`}>
      <span class="metric-label">{label}</span>
      <strong class="metric-value">{value}</strong>
      <svg
        class="spark"
        viewBox={`0 -2 ${SIZE.width} ${SIZE.height + 4}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <polyline class="spark-line" points={points} />
      </svg>
    </div>
  );
}
