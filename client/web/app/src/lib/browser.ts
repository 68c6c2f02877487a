/** Which browser this is. Only for wording instructions, which differ by browser; never for deciding what works. */

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
