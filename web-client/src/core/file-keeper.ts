// Keeps chosen files over a reload of this tab: sealed in the browser's own database under a key that only this tab has, so that nobody who opens the
// browser later reads a copy of an identity card there. Where the browser keeps nothing, the files live as long as the page. Knows no element, no server.

import { drawSecret, forgetSetting, readSetting, writeSetting } from "./device-id";

const DATABASE = "visavis-files";
const STORE = "files";
const KEY = "files";
/** What a closed tab left cannot be read any more; it goes with the next visit after this. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1_000;

interface Kept { id: string; iv: Uint8Array; sealed: ArrayBuffer; at: number }

export class FileKeeper {
  #files = new Map<string, File>();

  /** Takes the file; that it could not be kept is no fault: the page holds it. */
  async put(id: string, file: File): Promise<void> {
    this.#files.set(id, file);
    try {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key(), await file.arrayBuffer());
      await run("readwrite", (store) => store.put({ id, iv, sealed, at: Date.now() } satisfies Kept));
    } catch {
      // A private window, a full disk, no secure address.
    }
  }

  /** Undefined when the browser has not kept it: it must be chosen again. */
  async get(id: string, name: string): Promise<File | undefined> {
    const held = this.#files.get(id);
    if (held) return held;
    try {
      const kept = await run<Kept | undefined>("readonly", (store) => store.get(id));
      if (!kept) return undefined;
      const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv: kept.iv as Uint8Array<ArrayBuffer> }, await key(), kept.sealed);
      const file = new File([bytes], name);
      this.#files.set(id, file);
      return file;
    } catch {
      return undefined;
    }
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#files.delete(id);
    for (const id of ids) await run("readwrite", (store) => store.delete(id)).catch(() => undefined);
  }

  /** Everything of this tab, and the key with it. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.remove(ids);
    forgetSetting(KEY);
  }

  /** What tabs that were closed left. */
  async sweep(): Promise<void> {
    try {
      const old = (await run<Kept[]>("readonly", (store) => store.getAll())).filter(({ at }) => Date.now() - at > FORGOTTEN_MS);
      await this.remove(old.map(({ id }) => id));
    } catch {
      // Then there is nothing.
    }
  }
}

async function key(): Promise<CryptoKey> {
  const secret = readSetting(KEY) ?? drawSecret();
  writeSetting(KEY, secret);
  const bytes = Uint8Array.from(atob(secret.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  return new Promise((done, failed) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(STORE, mode);
      const asked = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => { opening.result.close(); done(asked.result as T); };
      transaction.onerror = transaction.onabort = () => { opening.result.close(); failed(transaction.error); };
    };
  });
}
