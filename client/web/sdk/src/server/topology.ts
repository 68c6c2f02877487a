/** Which way media travels, and what follows from it while the way changes. Pure. */
import type { Topology, TopologyReason } from '../protocol.js';

/** The topology of a room, as one participant lives through it. */
export class TopologyState {
  #topology: Topology;
  #reason: TopologyReason;
  /** Whether everybody has switched to it. */
  #settled: boolean;
  /** Whether the server was told that this side has. */
  #told = false;

  /** As a room is joined. In a mesh, nobody waits for whoever joins; a server may still be waiting for some to switch to it. */
  constructor(topology: Topology, reason: TopologyReason) {
    this.#topology = topology;
    this.#reason = reason;
    this.#settled = topology === 'mesh';
  }

  /** How media travels, or begins to. */
  get topology(): Topology {
    return this.#topology;
  }

  /** Why so. */
  get reason(): TopologyReason {
    return this.#reason;
  }

  /** Whether the way before is given up. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Whether media is sent by a way: by both while the way changes. */
  sends(way: Topology): boolean {
    return way === this.#topology || !this.#settled;
  }

  /** The server has decided. The newest decision counts. Returns whether anything is different from before. */
  decide(topology: Topology, reason: TopologyReason): boolean {
    if (topology === this.#topology) {
      const isOther = reason !== this.#reason;
      this.#reason = reason;
      return isOther;
    }
    this.#topology = topology;
    this.#reason = reason;
    this.#settled = false;
    this.#told = false;
    return true;
  }

  /** Everybody has switched to `topology`. Returns whether that is the newest decision: then the way before ends. */
  settle(topology: Topology): boolean {
    if (topology !== this.#topology || this.#settled) return false;
    this.#settled = true;
    return true;
  }

  /** All that comes to this side comes by the new way. Returns whether the server is to be told. */
  arrive(): boolean {
    if (this.#told || this.#settled) return false;
    this.#told = true;
    return true;
  }
}
