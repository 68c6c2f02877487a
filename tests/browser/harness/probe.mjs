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
 * @typedef {object} End one end of a path
 * @property {string} type of candidate: `host`, `srflx`, `prflx` or `relay`
 * @property {string} protocol between the ends: `udp` or `tcp`
 * @property {string} address
 * @property {number} port
 * @property {string} [relayProtocol] between a relayed end and its relay: `udp`, `tcp` or `tls`
 *
 * @typedef {object} Path the pair of candidates that is in use
 * @property {End} local
 * @property {End} remote
 *
 * @typedef {object} Restraint what a test forbids the browser
 * @property {boolean} [relayOnly] every path but relayed ones
 * @property {string} [urls] a regular expression: ICE servers with other URLs
 *
 * @typedef {object} Probe
 * @property {RTCPeerConnection[]} connections every one the page has made
 * @property {string[]} violations of the content security policy
 * @property {() => Promise<Path | undefined>} path of the connection by which the others are seen and heard
 * @property {() => void} watchPictures measures from now on how long pictures stand still
 * @property {() => Record<string, number>} interruptions the longest time without a new picture since then, in milliseconds, by name of participant
 * @property {(kind: 'audio' | 'video', name: string, source: string) => Promise<Reception | undefined>} reception
 */

/**
 * Installs `window.__probe`. Runs in the page, and so uses nothing from outside.
 * @param {Restraint} restraint
 */
export function installProbe(restraint) {
  /** @type {Probe} */
  const probe = {
    connections: [],
    violations: [],
    watchPictures: () => {},
    interruptions: () => ({}),
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
    async path() {
      const report = await probe.connections.findLast(isInUse)?.getStats();
      const all = [...(report?.values() ?? [])];
      const selected = all.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
      // Firefox marks the pair itself.
      const pair = report?.get(selected) ?? all.find(({ type, selected }) => type === 'candidate-pair' && selected);
      const [local, remote] = [report?.get(pair?.localCandidateId), report?.get(pair?.remoteCandidateId)];
      return local && remote && { local: end(local), remote: end(remote) };
    },
  };

  /**
   * Whether something that it brings is shown or played: a connection to the server may stand by.
   * @param {RTCPeerConnection} connection
   */
  function isInUse(connection) {
    if (connection.connectionState === 'closed') return false;
    const elements = [...document.querySelectorAll('video, audio')].map(
      (element) => /** @type {HTMLMediaElement} */ (element),
    );
    const used = elements.flatMap(({ srcObject }) => /** @type {MediaStream | null} */ (srcObject)?.getTracks() ?? []);
    return connection.getReceivers().some(({ track }) => used.includes(track));
  }

  /** When the newest picture of somebody was shown, and the longest time between two; by name. @type {Map<string, { at: number, longest: number }>} */
  const pictures = new Map();
  /** @type {WeakSet<HTMLVideoElement>} */
  const followed = new WeakSet();

  /** Follows the pictures of every camera there is, and of those to come. */
  function followPictures() {
    for (const video of /** @type {NodeListOf<HTMLVideoElement>} */ (
      document.querySelectorAll('[data-testid="tile"][data-source="camera"][data-local="false"] video')
    )) {
      if (!followed.has(video)) follow(video);
    }
  }

  /** @param {HTMLVideoElement} video */
  function follow(video) {
    followed.add(video);
    const name = /** @type {HTMLElement | null} */ (video.closest('[data-name]'))?.dataset.name ?? '';
    const seen = () => {
      const known = pictures.get(name);
      const now = performance.now();
      pictures.set(name, { at: now, longest: Math.max(known?.longest ?? 0, known ? now - known.at : 0) });
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  }

  /** @param {any} candidate */
  function end({ candidateType, protocol, address, port, relayProtocol }) {
    return { type: candidateType, protocol, address, port, ...(relayProtocol ? { relayProtocol } : {}) };
  }

  /** @param {RTCConfiguration} [configuration] */
  function restrained(configuration) {
    const wanted = new RegExp(restraint.urls ?? '');
    const iceServers = (configuration?.iceServers ?? [])
      .map((server) => ({ ...server, urls: [server.urls].flat().filter((url) => wanted.test(url)) }))
      .filter(({ urls }) => urls.length > 0);
    // A connection that is left no relay is the one to the server, which asks for none by UDP.
    const isRelayed = restraint.relayOnly && iceServers.length > 0;
    const policy = isRelayed ? { iceTransportPolicy: /** @type {const} */ ('relay') } : {};
    return { ...configuration, iceServers, ...policy };
  }

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

  probe.watchPictures = () => {
    pictures.clear();
    followPictures();
    new MutationObserver(followPictures).observe(document.body, { childList: true, subtree: true });
  };
  probe.interruptions = () => {
    const now = performance.now();
    return Object.fromEntries([...pictures].map(([name, { at, longest }]) => [name, Math.max(longest, now - at)]));
  };

  class WatchedConnection extends RTCPeerConnection {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(restrained(configuration));
      probe.connections.push(this);
    }

    /** @param {RTCConfiguration} [configuration] */
    setConfiguration(configuration) {
      super.setConfiguration(restrained(configuration));
    }
  }
  window.RTCPeerConnection = WatchedConnection;
  document.addEventListener('securitypolicyviolation', (event) => {
    probe.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  });
  Object.assign(window, { __probe: probe });
}
