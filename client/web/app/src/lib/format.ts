/** Numbers as people read them, in the given language. */

/** A number of bytes, such as "1.4 MB". */
export function formatBytes(bytes: number, language: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  const power = Math.min(bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const amount = bytes / 1000 ** power;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: units[power] ?? 'byte',
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumFractionDigits: amount < 10 && power > 0 ? 1 : 0,
  }).format(amount);
}

/** A bit rate, such as "1.2 Mbit/s". */
export function formatBitrate(bps: number, language: string): string {
  const [amount, unit] = bps >= 1e6 ? [bps / 1e6, 'Mbit/s'] : [bps / 1e3, 'kbit/s'];
  return `${formatNumber(amount, language, amount < 10 ? 1 : 0)} ${unit}`;
}

/** A number with at most `digits` behind the point. */
export function formatNumber(value: number, language: string, digits = 0): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/** A length of time as a clock shows it: "4:07", "1:02:33". */
export function formatClock(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const pad = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

/** A time of day, without seconds. */
export function formatTime(date: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { hour: 'numeric', minute: '2-digit' }).format(date);
}

/** Shortens `text` so that its UTF-8 form has at most `bytesMax` bytes, never within a character. */
export function truncateUtf8(text: string, bytesMax: number): string {
  const encoder = new TextEncoder();
  let length = 0;
  let end = 0;
  for (const { segment, index } of new Intl.Segmenter().segment(text)) {
    length += encoder.encode(segment).length;
    if (length > bytesMax) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
}
