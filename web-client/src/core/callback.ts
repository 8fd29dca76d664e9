// "Call me back": when somebody is on duty, and the wish itself. Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import { isEmail, isPhone } from "./booking-steps";
import type { CallbackAsked, CallbackReason, CallbackTime } from "./protocol";
import { Store } from "./store";

export const WORDS_CHARACTERS_MAX = 500;
export const REASONS: CallbackReason[] = ["no_slot", "no_video", "missed", "question", "other"];

export type CallbackField = "reason" | "time" | "callback_name" | "callback_phone" | "callback_email" | "callback_consent";

export interface Wish {
  reason?: CallbackReason;
  words: string;
  start?: string;
  name: string;
  phone: string;
  /** Where it is confirmed; may be empty. */
  email: string;
  consent: boolean;
}

export interface CallbackState {
  /** Of which service, and in which zone its times are. */
  service: string;
  zone: string;
  aboutAppointment: boolean;
  times?: CallbackTime[];
  wish: Wish;
  missing: CallbackField[];
  /** How often somebody was told what is missing. */
  told: number;
  busy: boolean;
  /** Code of what went wrong. */
  notice?: string;
  retryAfterS?: number;
  /** It is written down. */
  asked?: CallbackAsked;
}

/** What must be filled in before it can be asked for. */
export function missingOf({ reason, start, name, phone, email, consent }: Wish): CallbackField[] {
  return [
    ...(reason ? [] : (["reason"] as const)),
    ...(start ? [] : (["time"] as const)),
    ...(name.trim() ? [] : (["callback_name"] as const)),
    ...(isPhone(phone) ? [] : (["callback_phone"] as const)),
    ...(!email.trim() || isEmail(email) ? [] : (["callback_email"] as const)),
    ...(consent ? [] : (["callback_consent"] as const)),
  ];
}

export class Callback extends Store<CallbackState> {
  constructor(of: Pick<CallbackState, "service" | "zone" | "aboutAppointment">, known: Partial<Wish> = {}) {
    super({ ...of, wish: { words: "", name: "", phone: "", email: "", consent: false, ...known }, missing: [], told: 0, busy: false });
  }

  load = async (): Promise<void> => {
    this.set({ notice: undefined });
    try {
      this.set({ times: (await api.callbackTimes(this.get().service)).times });
    } catch (error) {
      this.set({ notice: error instanceof ApiError ? error.code : "internal" });
    }
  };

  put = (patch: Partial<Wish>): void => {
    const wish = { ...this.get().wish, ...patch };
    const still = missingOf(wish);
    this.set({ wish, missing: this.get().missing.filter((field) => still.includes(field)) });
  };

  send = async (language: string): Promise<void> => {
    const { wish, busy, service, aboutAppointment } = this.get();
    const missing = missingOf(wish);
    this.set({ missing, told: this.get().told + Number(missing.length > 0), notice: undefined });
    if (missing.length > 0 || busy || !wish.reason || !wish.start) return;
    this.set({ busy: true });
    try {
      const [words, email] = [wish.words.trim(), wish.email.trim()];
      const asked = await api.askCallback({
        service, reason: wish.reason, start: wish.start, name: wish.name.trim(), phone: wish.phone.trim(), language, consent: true,
        ...(words ? { words } : {}), ...(email ? { email } : {}), ...(aboutAppointment ? { about_appointment: true } : {}),
      });
      this.set({ asked });
    } catch (error) {
      const { code, retryAfterS } = error instanceof ApiError ? error : { code: "internal", retryAfterS: undefined };
      this.set({ notice: code, retryAfterS });
      // A time that is over meanwhile, most likely.
      if (code === "invalid_appointment") {
        this.put({ start: undefined });
        await this.load();
        this.set({ notice: code });
      }
    } finally {
      this.set({ busy: false });
    }
  };
}
