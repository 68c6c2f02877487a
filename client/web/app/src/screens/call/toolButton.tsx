import { useId } from 'preact/hooks';
import { Icon, type IconName } from '../../ui/icon.js';

interface ToolButtonProps {
  icon: IconName;
  /** The accessible name, and what shows on hovering. */
  label: string;
  /** For buttons that keep their name while they are on or off. */
  pressed?: boolean;
  /** For buttons that open something. */
  expanded?: boolean;
  /** Drawn as being in use. */
  active?: boolean;
  /** Drawn as being off. */
  off?: boolean;
  /** A number that wants attention; none at 0. */
  badge?: number;
  /** What the badge means, in words. */
  badgeLabel?: string;
  /** A number that only informs; none at 0. */
  count?: number;
  onPress: () => void;
}

/** The most a badge says. */
const BADGE_MAX = 99;

/** A round button of the toolbar. */
export function ToolButton(props: ToolButtonProps) {
  const { icon, label, pressed, expanded, active, off, badge = 0, badgeLabel, count = 0, onPress } = props;
  const badgeId = useId();
  const classes = ['tool-button', active && 'tool-button-active', off && 'tool-button-off'];
  return (
    <button
      type="button"
      class={classes.filter(Boolean).join(' ')}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-describedby={badge > 0 ? badgeId : undefined}
      title={label}
      onClick={onPress}
    >
      <Icon name={icon} size={22} />
      {badge > 0 && (
        <span class="badge">
          <span aria-hidden="true">{badge > BADGE_MAX ? `${BADGE_MAX}+` : badge}</span>
          <span id={badgeId} class="visually-hidden">
            {badgeLabel}
          </span>
        </span>
      )}
      {count > 1 && <span class="count" data-count={count} />}
    </button>
  );
}
