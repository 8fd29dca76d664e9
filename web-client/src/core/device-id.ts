// Names this page in this browser, over a reload, and counts its peer connections.

const memory = new Map<string, string>();

/** 16 random bytes, base64url, kept for the life of this tab. */
export function deviceId(role: string): string {
  return remember(`visavis.device.${role}`, () => base64url(crypto.getRandomValues(new Uint8Array(16))));
}

/** 1, 2, 3… and never the same again in this tab. */
export function nextTransport(role: string): number {
  const key = `visavis.transport.${role}`;
  const next = Number(read(key) ?? "0") + 1;
  write(key, String(next));
  return next;
}

export function readSetting(name: string): string | undefined {
  return read(`visavis.${name}`);
}

export function writeSetting(name: string, value: string): void {
  write(`visavis.${name}`, value);
}

/** 16 random bytes, base64url: names a chat message. */
export function drawId(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)));
}

/** Eight random hex digits. */
export function drawEpoch(): string {
  return crypto.getRandomValues(new Uint32Array(1))[0]!.toString(16).padStart(8, "0");
}

/** A secret of 256 bits: 43 characters. */
export function drawSecret(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

export function forgetSetting(name: string): void {
  memory.delete(`visavis.${name}`);
  try {
    sessionStorage.removeItem(`visavis.${name}`);
  } catch {
    // Then it was never kept.
  }
}

function remember(key: string, make: () => string): string {
  const known = read(key);
  if (known !== undefined) return known;
  const made = make();
  write(key, made);
  return made;
}

function read(key: string): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? memory.get(key);
  } catch {
    return memory.get(key);
  }
}

function write(key: string, value: string): void {
  memory.set(key, value);
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Storage may be switched off; then a reload is a new device.
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
