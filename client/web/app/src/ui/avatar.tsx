import { colourIndex, initials } from '../lib/person.js';

/** Initials on the person's colour. The name itself stands beside it, so screen readers pass it over. */
export function Avatar({ name, small = false }: { name: string; small?: boolean }) {
  return (
    <span class={`avatar avatar-${colourIndex(name)}${small ? ' avatar-small' : ''}`} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
