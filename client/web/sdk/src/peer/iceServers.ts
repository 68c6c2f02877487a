import type { IceServer } from '../protocol.js';

/** ICE servers as the browser takes them: `{host}` becomes the host by which the server was reached. */
export function toRtcIceServers(servers: readonly IceServer[], base: URL): RTCIceServer[] {
  // `hostname` has the brackets of an IPv6 address, as STUN and TURN URIs want them (RFC 7064 §3.1).
  return servers.map(({ urls, ...credentials }) => ({
    ...credentials,
    urls: urls.map((url) => url.replaceAll('{host}', base.hostname)),
  }));
}
