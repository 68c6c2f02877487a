import activity from 'lucide-static/icons/activity.svg?shapes';
import arrowRight from 'lucide-static/icons/arrow-right.svg?shapes';
import check from 'lucide-static/icons/check.svg?shapes';
import chevronDown from 'lucide-static/icons/chevron-down.svg?shapes';
import chevronLeft from 'lucide-static/icons/chevron-left.svg?shapes';
import chevronRight from 'lucide-static/icons/chevron-right.svg?shapes';
import chevronUp from 'lucide-static/icons/chevron-up.svg?shapes';
import clock from 'lucide-static/icons/clock.svg?shapes';
import download from 'lucide-static/icons/download.svg?shapes';
import ellipsis from 'lucide-static/icons/ellipsis.svg?shapes';
import file from 'lucide-static/icons/file.svg?shapes';
import globe from 'lucide-static/icons/globe.svg?shapes';
import headphones from 'lucide-static/icons/headphones.svg?shapes';
import keyboard from 'lucide-static/icons/keyboard.svg?shapes';
import link from 'lucide-static/icons/link.svg?shapes';
import maximize from 'lucide-static/icons/maximize.svg?shapes';
import message from 'lucide-static/icons/message-square-text.svg?shapes';
import mic from 'lucide-static/icons/mic.svg?shapes';
import micOff from 'lucide-static/icons/mic-off.svg?shapes';
import minimize from 'lucide-static/icons/minimize.svg?shapes';
import screenShare from 'lucide-static/icons/monitor-up.svg?shapes';
import paperclip from 'lucide-static/icons/paperclip.svg?shapes';
import leave from 'lucide-static/icons/phone-off.svg?shapes';
import plus from 'lucide-static/icons/plus.svg?shapes';
import refresh from 'lucide-static/icons/refresh-cw.svg?shapes';
import screenShareOff from 'lucide-static/icons/screen-share-off.svg?shapes';
import send from 'lucide-static/icons/send-horizontal.svg?shapes';
import shield from 'lucide-static/icons/shield.svg?shapes';
import alert from 'lucide-static/icons/triangle-alert.svg?shapes';
import userMinus from 'lucide-static/icons/user-minus.svg?shapes';
import users from 'lucide-static/icons/users.svg?shapes';
import video from 'lucide-static/icons/video.svg?shapes';
import videoOff from 'lucide-static/icons/video-off.svg?shapes';
import volume from 'lucide-static/icons/volume-2.svg?shapes';
import disconnected from 'lucide-static/icons/wifi-off.svg?shapes';
import close from 'lucide-static/icons/x.svg?shapes';

const SOURCES = {
  activity,
  alert,
  arrowRight,
  check,
  chevronDown,
  chevronLeft,
  chevronRight,
  chevronUp,
  clock,
  close,
  disconnected,
  download,
  ellipsis,
  file,
  globe,
  headphones,
  keyboard,
  leave,
  link,
  maximize,
  message,
  mic,
  micOff,
  minimize,
  paperclip,
  plus,
  refresh,
  screenShare,
  screenShareOff,
  send,
  shield,
  userMinus,
  users,
  video,
  videoOff,
  volume,
};

/** The icons there are (Lucide, ISC licence). */
export type IconName = keyof typeof SOURCES;

/** An icon in the colour of the text around it. It is decoration: what it means stands in the control's name. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      aria-hidden="true"
      dangerouslySetInnerHTML={{ __html: SOURCES[name] }}
    />
  );
}
