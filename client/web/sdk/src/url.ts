import { SignalError } from './errors.js';

/** Reads the server's address: `https://host[:port][/path]`, or the same with `wss`. Throws {@link SignalError}. */
export function parseServerUrl(url: string | URL): URL {
  let parsed: URL | undefined;
  try {
    parsed = new URL(String(url).replace(/^ws(s?):/i, 'http$1:'));
  } catch {
    // Reported below, with everything else that is no address of a server.
  }
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') {
    throw new SignalError('invalidUrl', `"${url}" is no address of a server. Give one like https://meet.example.org.`);
  }
  parsed.search = '';
  parsed.hash = '';
  return parsed;
}
