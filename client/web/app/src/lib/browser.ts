/** The browser: its family, only for wording instructions, which differ; and what it can, by asking for just that. */

/** The browsers whose menus the instructions know. */
export type BrowserFamily = 'chromium' | 'firefox' | 'safari' | 'other';

/** The family by its user agent string. */
export function browserFamily(userAgent: string = navigator.userAgent): BrowserFamily {
  if (/firefox|fxios/i.test(userAgent)) return 'firefox';
  if (/chrome|chromium|crios|edg\//i.test(userAgent)) return 'chromium';
  if (/safari/i.test(userAgent)) return 'safari';
  return 'other';
}

/** Whether Cmd stands where other systems have Ctrl. */
export function isApple(platform: string = navigator.platform): boolean {
  return /mac|iphone|ipad|ipod/i.test(platform);
}

/** Whether the browser lets pages share a screen; phones' do not. */
export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices.getDisplayMedia === 'function';
}
