// What runs inside the page under test, before any script of its own. It sees what the browser did, whatever the
// application believes.

/**
 * @typedef {object} Reception one kind of media from one participant, as the browser counts it
 * @property {number} frames pictures decoded
 * @property {number} width of the newest picture
 * @property {number} energy sound played, in the unit of `totalAudioEnergy`
 * @property {number} bytes received
 * @property {string} codec such as `video/VP8`
 *
 * @typedef {object} Probe
 * @property {RTCPeerConnection[]} connections every one the page has made
 * @property {string[]} violations of the content security policy
 * @property {(kind: 'audio' | 'video', name: string, source: string) => Promise<Reception | undefined>} reception
 */

/** Installs `window.__probe`. Runs in the page, and so uses nothing from outside. */
export function installProbe() {
  /** @type {Probe} */
  const probe = {
    connections: [],
    violations: [],
    async reception(kind, name, source) {
      const quoted = CSS.escape(name);
      const selector =
        kind === 'video'
          ? `[data-testid="tile"][data-name="${quoted}"][data-source="${source}"] video`
          : `audio[data-participant="${quoted}"]`;
      for (const element of /** @type {NodeListOf<HTMLMediaElement>} */ (document.querySelectorAll(selector))) {
        const stream = /** @type {MediaStream | null} */ (element.srcObject);
        for (const track of stream?.getTracks() ?? []) {
          const found = track.kind === kind && !element.paused && (await counted(track));
          if (found) return found;
        }
      }
      return undefined;
    },
  };

  /** @param {MediaStreamTrack} track */
  async function counted(track) {
    const owner = probe.connections.find((connection) =>
      connection.getReceivers().some((receiver) => receiver.track === track),
    );
    if (!owner) return undefined;
    const report = await owner.getStats(track);
    for (const stats of report.values()) {
      if (stats.type !== 'inbound-rtp') continue;
      return {
        frames: stats.framesDecoded ?? 0,
        width: stats.frameWidth ?? 0,
        energy: stats.totalAudioEnergy ?? 0,
        bytes: stats.bytesReceived ?? 0,
        codec: report.get(stats.codecId)?.mimeType ?? '',
      };
    }
    return undefined;
  }

  class WatchedConnection extends RTCPeerConnection {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      probe.connections.push(this);
    }
  }
  window.RTCPeerConnection = WatchedConnection;
  document.addEventListener('securitypolicyviolation', (event) => {
    probe.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  });
  Object.assign(window, { __probe: probe });
}
