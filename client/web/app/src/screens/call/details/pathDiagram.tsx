import type { RelayReason, TraceCandidate, TracePair } from 'moim-client';
import { endKind } from '../../../lib/tracePath.js';
import { messages } from './messages.js';

interface PathDiagramProps {
  name: string;
  pair: TracePair | undefined;
  path: TraceCandidate['type'] | undefined;
  relayReason: RelayReason | undefined;
}

interface PathNode {
  readonly key: string;
  readonly kind: 'end' | 'router' | 'relay';
  readonly title: string;
  readonly address: string;
  readonly port?: number;
}

/** The way packets take between the two, as one would draw it on paper, and in a sentence. */
export function PathDiagram({ name, pair, path, relayReason }: PathDiagramProps) {
  const texts = messages.value;
  const { title, text } = texts.path[path ?? 'none'];
  const nodes = pair ? pathNodes(name, pair) : [];
  return (
    <div class={`path path-${path ?? 'none'}`}>
      <p class="path-title">
        <strong>{title}</strong>
      </p>
      {nodes.length > 0 && (
        <ol class="path-nodes">
          {nodes.map((node) => (
            <li key={node.key} class={`path-node path-node-${node.kind}`}>
              <span class="path-dot" />
              <span class="path-name" dir="auto">
                {node.title}
              </span>
              <span class="path-address">
                {node.address}
                {node.port !== undefined && (
                  <>
                    <wbr />:{node.port}
                  </>
                )}
              </span>
            </li>
          ))}
        </ol>
      )}
      <p class="path-text muted">{text}</p>
      {relayReason && (
        <p class="path-text muted" data-testid="relay-reason" data-code={relayReason.code} data-side={relayReason.side}>
          {reasonText(relayReason, name)}
        </p>
      )}
    </div>
  );
}

/** Why a relay was needed, in a sentence or two. */
function reasonText({ code, side, tried }: RelayReason, name: string): string {
  const { relayReason: texts, relayTried } = messages.value;
  const reason = texts[code](side === 'remote' ? name : undefined);
  return code === 'directFailed' && tried > 0 ? `${reason} ${relayTried(tried)}` : reason;
}

function pathNodes(name: string, { local, remote }: TracePair): PathNode[] {
  const texts = messages.value.node;
  return [
    { key: 'you', kind: 'end', title: texts.you, ...endAddress(local) },
    ...middle('local', local),
    ...middle('remote', remote),
    { key: 'they', kind: 'end', title: name, ...endAddress(remote) },
  ];
}

function middle(key: string, candidate: TraceCandidate | undefined): PathNode[] {
  const texts = messages.value.node;
  if (!candidate) return [];
  switch (endKind(candidate)) {
    case 'srflx':
    case 'prflx':
      return [{ key, kind: 'router', title: texts.router, ...addressOf(candidate) }];
    case 'relay': {
      const protocol = (candidate.relayProtocol ?? candidate.protocol).toUpperCase();
      return [{ key, kind: 'relay', title: texts.relay(protocol), ...addressOf(candidate) }];
    }
    default:
      return [];
  }
}

/** The address of a device itself, where it is the one in use. */
function endAddress(candidate: TraceCandidate | undefined): Pick<PathNode, 'address' | 'port'> {
  return candidate && endKind(candidate) === 'host' ? addressOf(candidate) : { address: '' };
}

function addressOf({ address, port }: TraceCandidate): Pick<PathNode, 'address' | 'port'> {
  if (!address) return { address: messages.value.node.hidden };
  return { address: address.includes(':') ? `[${address}]` : address, port };
}
