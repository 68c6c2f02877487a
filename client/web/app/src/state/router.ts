import { computed, signal } from '@preact/signals';
import { isRoomName } from '../lib/roomName.js';

/** Where in the app we are. */
export type Route = { readonly screen: 'landing' } | { readonly screen: 'room'; readonly room: string };

const path = signal(location.pathname);
addEventListener('popstate', () => {
  path.value = location.pathname;
});

/** The route of the present address. An address that leads nowhere is the landing page's. */
export const route = computed<Route>(() => parseRoute(path.value));

/** The route that `pathname` stands for. */
export function parseRoute(pathname: string): Route {
  const name = /^\/r\/([^/]+)\/?$/.exec(pathname)?.[1];
  return name && isRoomName(name) ? { screen: 'room', room: name } : { screen: 'landing' };
}

/** Goes to `pathname` without loading the page anew. */
export function navigate(pathname: string): void {
  history.pushState(null, '', pathname);
  path.value = pathname;
  scrollTo(0, 0);
}

/** The path of a room. */
export function roomPath(name: string): string {
  return `/r/${name}`;
}

/** The link that invites to a room. It carries no token. */
export function roomLink(name: string): string {
  return new URL(roomPath(name), location.origin).href;
}

/** The token that came with the link: in the fragment, which is sent to no server and stays out of logs. */
export function linkToken(hash: string = location.hash): string | undefined {
  return new URLSearchParams(hash.slice(1)).get('token') ?? undefined;
}
