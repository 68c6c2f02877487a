import { endpoint, type OpenLink, parseFrame } from './link.js';

/** Normal closure (RFC 6455 §7.4.1). */
const CLOSE_NORMAL = 1000;

/** A link over WebSocket: one text message per frame. */
export const openWebsocketLink: OpenLink = (base, hello, handlers) => {
  const url = endpoint(base, '/signal/v1/ws');
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  let socket: WebSocket;
  try {
    socket = new WebSocket(url);
  } catch (error) {
    // A page's own policy (mixed content, CSP) forbids it. Reported like any other failure: later, not from in here.
    queueMicrotask(() => handlers.onclose(`the WebSocket could not be made: ${String(error)}`));
    return { transport: 'websocket', send() {}, sendLast() {}, close() {} };
  }
  socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', ...hello }));
  socket.onmessage = ({ data }) => {
    const frame = typeof data === 'string' ? parseFrame(data) : undefined;
    if (frame !== undefined) handlers.onframe(frame);
  };
  socket.onclose = ({ code, reason }) => handlers.onclose(`the WebSocket closed (${code}${reason && `: ${reason}`})`);

  const close = () => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(CLOSE_NORMAL);
  };
  return {
    transport: 'websocket',
    send(frame) {
      // Frames for a socket that is closing are not lost: the session keeps them until they are acknowledged.
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    sendLast(frames) {
      for (const frame of frames) this.send(frame);
      close();
    },
    close,
  };
};
