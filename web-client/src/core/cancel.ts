// The cancel link, from the mail to the last word: what it would cancel, and what became of it. Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import { realClock } from "./clock";
import { readSetting, writeSetting } from "./device-id";
import type { CancelLink } from "./protocol";
import { Store } from "./store";

export interface CancelState {
  link?: CancelLink;
  /** Code of what stopped us: `unknown_link`, `unreachable`… */
  problem?: string;
  /** Code of why the last press did nothing. */
  notice?: string;
  busy: boolean;
}

export type CancelScreen = "loading" | "problem" | "asking" | "cancelled" | "too_late";

/** Which screen the state means. */
export function cancelScreen(at: CancelState): CancelScreen {
  if (at.problem) return "problem";
  if (!at.link) return "loading";
  if (at.link.phase === "cancelled") return "cancelled";
  return at.link.can_cancel ? "asking" : "too_late";
}

const RETRY_MS = 3_000;
const KEPT = "cancel-link";

export class Cancel extends Store<CancelState> {
  #token = "";

  constructor() {
    super({ busy: false });
  }

  /** Takes the token out of the address and out of the history; a reload finds it in this tab. */
  async start(): Promise<void> {
    const token = location.hash.slice(1);
    if (token) {
      writeSetting(KEPT, token);
      history.replaceState(null, "", location.pathname);
    }
    this.#token = token || (readSetting(KEPT) ?? "");
    addEventListener("hashchange", () => location.hash.length > 20 && location.reload());
    await this.load();
  }

  /** Asks what the link would cancel; cancels nothing. */
  load = async (): Promise<void> => {
    this.set({ problem: undefined });
    try {
      this.set({ link: await api.cancelLink(this.#token) });
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "internal";
      this.set({ problem: code });
      if (code === "unreachable" || code === "slow_down") {
        const after = (error instanceof ApiError ? error.retryAfterS : undefined) ?? RETRY_MS / 1000;
        realClock.after(after * 1000, () => this.get().problem === code && void this.load());
      }
    }
  };

  /** The second step of the person. */
  cancel = async (): Promise<void> => {
    if (this.get().busy) return;
    this.set({ busy: true, notice: undefined });
    try {
      this.set({ link: await api.cancelByLink(this.#token) });
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "internal";
      // Somebody was quicker, or time was: the page says where it stands now.
      if (code === "wrong_state" || code === "link_replaced" || code === "unknown_link") await this.load();
      else this.set({ notice: code === "unreachable" ? "offline" : code });
    } finally {
      this.set({ busy: false });
    }
  };
}
