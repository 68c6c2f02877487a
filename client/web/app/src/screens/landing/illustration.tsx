/** Four people in tiles, one of them speaking. Pure decoration, in the theme's colours. */
export function Illustration() {
  return (
    <svg class="illustration" viewBox="0 0 440 360" aria-hidden="true">
      <Person x={0} y={20} tone={0} />
      <Person x={228} y={0} tone={1} speaking />
      <Person x={0} y={192} tone={2} />
      <Person x={228} y={172} tone={3} />
    </svg>
  );
}

function Person({ x, y, tone, speaking = false }: { x: number; y: number; tone: number; speaking?: boolean }) {
  return (
    <g transform={`translate(${x} ${y})`} class={`illustration-person illustration-tone-${tone}`}>
      <rect class="illustration-tile" width="212" height="156" rx="22" />
      <circle class="illustration-figure" cx="106" cy="66" r="28" />
      <path class="illustration-figure" d="M50 156c2-36 26-54 56-54s54 18 56 54z" />
      {speaking && <rect class="illustration-ring" x="3" y="3" width="206" height="150" rx="19" />}
    </g>
  );
}
