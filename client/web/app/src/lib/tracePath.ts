/** What kind of path two candidates make, as people understand it. Pure. */

/** The parts of a candidate that decide. */
export interface PathEnd {
  readonly type: 'host' | 'srflx' | 'prflx' | 'relay';
  readonly address: string;
}

/** Addresses that only mean something within one network (RFC 1918, 3927, 4193, 4291), and loopback. */
const LOCAL_ADDRESS =
  /^(10\.|127\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)/i;

/** From the most direct to the least. */
const ORDER = ['host', 'prflx', 'srflx', 'relay'] as const;

/**
 * The kind of an end. Checks that arrive before the candidate they belong to make it peer-reflexive (RFC 8445 §7.3.1.3): with an
 * address of the local network that is a host candidate in all but name.
 */
export function endKind({ type, address }: PathEnd): PathEnd['type'] {
  return type === 'prflx' && LOCAL_ADDRESS.test(address) ? 'host' : type;
}

/** The kind of the path: that of its less direct end. `undefined` while an end is not known. */
export function pathKind(local: PathEnd | undefined, remote: PathEnd | undefined): PathEnd['type'] | undefined {
  if (!local || !remote) return undefined;
  const kinds = [endKind(local), endKind(remote)];
  return ORDER.findLast((kind) => kinds.includes(kind));
}
