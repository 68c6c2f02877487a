/** A random identifier of 32 hexadecimal digits. (`randomUUID` would need a secure context even in tests.) */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The length of a text in bytes of UTF-8, by which the server measures it. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
