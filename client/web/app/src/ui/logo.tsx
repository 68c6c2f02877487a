/** The sign of moim: people sitting together, one of them the one who speaks. */
export function Logo({ size = 36 }: { size?: number }) {
  return (
    <svg class="logo" viewBox="0 0 48 48" width={size} height={size} aria-hidden="true">
      <rect class="logo-ground" width="48" height="48" rx="13" />
      <g class="logo-people">
        <circle cx="17.5" cy="17.5" r="5.5" />
        <circle cx="30.5" cy="17.5" r="5.5" opacity=".78" />
        <circle cx="17.5" cy="30.5" r="5.5" opacity=".78" />
        <path d="M30.5 25a5.5 5.5 0 0 1 5.5 5.5V36h-5.5a5.5 5.5 0 0 1 0-11z" />
      </g>
    </svg>
  );
}
