// The documents of an appointment as its citizen sees them: what is there, what is on its way, what did not get through. Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import type { DocumentEntry } from "./protocol";
import { Store } from "./store";

/** A file on its way, or one that did not get through. */
export interface Sending {
  key: number;
  name: string;
  /** From 0 to 1. */
  part: number;
  /** Code of what stopped it. */
  problem?: string;
  /** It may get through when it is tried again. */
  again?: boolean;
}

export interface DocumentsState {
  /** They were asked for and told. */
  known: boolean;
  mayChange: boolean;
  countLeft: number;
  bytesLeft: number;
  list: DocumentEntry[];
  sending: Sending[];
  /** Code of what did not work with a document that is there, or with the list. */
  problem?: string;
  /** The last one that arrived: for those who listen. */
  arrived?: string;
}

/** What may be otherwise in a moment. */
const PASSING = new Set(["unreachable", "internal", "slow_down", "no_space"]);

export const noDocuments: DocumentsState = { known: false, mayChange: false, countLeft: 0, bytesLeft: 0, list: [], sending: [] };

export class CitizenDocuments extends Store<DocumentsState> {
  #aborts = new Map<number, AbortController>();
  #files = new Map<number, File>();
  #arrived = new Map<number, () => void>();
  #last = 0;
  #isSending = false;

  constructor() {
    super(noDocuments);
  }

  /** Asks what is there. */
  load = async (): Promise<void> => {
    try {
      const told = await api.documents();
      this.set({ known: true, mayChange: told.may_change, countLeft: told.count_left, bytesLeft: told.bytes_left, list: told.documents, problem: undefined });
    } catch (error) {
      this.set({ problem: code(error) });
    }
  };

  /** Files that the person chose; what cannot fit is said without sending it. */
  /** `arrived` is told of each that the server has. */
  send = (files: readonly File[], arrived: (file: File) => void = () => undefined): void => {
    let { countLeft, bytesLeft } = this.get();
    for (const { key, problem } of this.get().sending) {
      if (problem) continue;
      countLeft -= 1;
      bytesLeft -= this.#files.get(key)?.size ?? 0;
    }
    const added = files.map((file): Sending => {
      const key = (this.#last += 1);
      const problem = countLeft < 1 ? "too_many_documents" : file.size > bytesLeft ? "too_large" : undefined;
      if (!problem) {
        countLeft -= 1;
        bytesLeft -= file.size;
        this.#files.set(key, file);
        this.#arrived.set(key, () => arrived(file));
      }
      return { key, name: file.name, part: 0, ...(problem ? { problem } : {}) };
    });
    this.set({ sending: [...this.get().sending, ...added], arrived: undefined });
    void this.#next();
  };

  /** Stops one that is on its way, or takes a failed one from the list. */
  cancel = (key: number): void => {
    this.#aborts.get(key)?.abort();
    this.#forget(key);
  };

  /** Tries one that did not get through once more. */
  again = (key: number): void => {
    this.#change(key, { problem: undefined, again: undefined, part: 0 });
    void this.#next();
  };

  remove = async (id: string): Promise<void> => {
    try {
      await api.removeDocument(id);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "unknown_document")) this.set({ problem: code(error) });
    }
    await this.load();
  };

  /** Nothing more goes out. */
  stop(): void {
    for (const abort of this.#aborts.values()) abort.abort();
    this.#aborts.clear();
    this.#files.clear();
    this.#arrived.clear();
    this.set({ ...noDocuments });
  }

  /** One after the other: on a narrow line the first is there soon, and sound has room. */
  async #next(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let at = this.#waiting(); at !== undefined; at = this.#waiting()) {
      const { key, name } = at;
      const abort = new AbortController();
      this.#aborts.set(key, abort);
      try {
        await api.sendDocument(this.#files.get(key)!, (part) => this.#change(key, { part }), abort.signal);
        this.#arrived.get(key)?.();
        this.#forget(key);
        this.set({ arrived: name });
        await this.load();
      } catch (error) {
        this.#aborts.delete(key);
        if (code(error) === "aborted") continue;
        const again = PASSING.has(code(error));
        if (!again) this.#files.delete(key);
        this.#change(key, { problem: code(error), again });
      }
    }
    this.#isSending = false;
  }

  #waiting(): Sending | undefined {
    return this.get().sending.find(({ key, problem }) => !problem && this.#files.has(key));
  }

  #change(key: number, patch: Partial<Sending>): void {
    this.set({ sending: this.get().sending.map((one) => (one.key === key ? { ...one, ...patch } : one)) });
  }

  #forget(key: number): void {
    this.#aborts.delete(key);
    this.#files.delete(key);
    this.#arrived.delete(key);
    this.set({ sending: this.get().sending.filter((one) => one.key !== key) });
  }
}

function code(error: unknown): string {
  return error instanceof ApiError ? error.code : "internal";
}
