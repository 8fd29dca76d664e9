// The public's side of a consultation, of a citizen or of a guest who was invited, from the link to the good-bye: what is true now and what may be done.
// Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import { Callback } from "./callback";
import { realClock } from "./clock";
import { CitizenDocuments } from "./documents";
import { readSetting, writeSetting } from "./device-id";
import { markAdmitted, markAnswer } from "./marks";
import { Side, type SideState } from "./side";
import type { SignalingStatus } from "./signaling";
import { SlotFinder } from "./slot-finder";
import { startRinging, stopRinging } from "./sound";
import type { ChatMessage, FreeSlot, Link, State } from "./protocol";
import type { Pushed } from "./wire";

export interface CitizenState extends SideState {
  /** Where the person is on this page before the server takes over. */
  step: "welcome" | "check" | "reschedule" | "call_back";
  /** The time that was chosen instead of the present one. */
  chosen?: FreeSlot;
  /** The chosen one was taken meanwhile: these are free. */
  instead?: FreeSlot[];
  /** The appointment was moved on this page. */
  moved?: boolean;
  callback?: Callback;
  link?: Link;
  /** Code of what stopped us: `unknown_link`, `unreachable`… */
  problem?: string;
  state?: State;
  /** What was said in the chat, once the consultation is over. */
  transcript?: ChatMessage[];
  /** The person was in the call on this page before. */
  wasInCall: boolean;
  /** Came back from the call by the agent's decision. */
  putBack: boolean;
  /** It rang, and nobody answered: declined, too late, or taken back by the agent. */
  rangInVain: boolean;
}

const SEATED = new Set(["waiting", "ringing", "in_call"]);

export type CitizenScreen =
  | "loading" | "problem" | "too_early" | "reschedule" | "call_back" | "welcome" | "check" | "late" | "over" | "documents" | "erased" | "missed" | "cancelled"
  | "step_up" | "elsewhere" | "replaced" | "waiting" | "ringing" | "call" | "left" | "closed";

/** Which screen the state means. */
export function citizenScreen(at: CitizenState): CitizenScreen {
  if (at.problem) return "problem";
  if (at.line === "replaced") return "replaced";
  if (at.line === "refused") return "problem";
  if (!at.link) return "loading";
  if (at.link.phase === "erased") return "erased";
  if (at.step === "call_back" && !SEATED.has(at.state?.phase ?? "")) return "call_back";
  switch (at.state?.phase) {
    case "waiting": return "waiting";
    case "ringing": return "ringing";
    case "in_call": return "call";
    case "left": return "left";
    case "elsewhere": return "elsewhere";
    case "closed": return "closed";
    case "missed": return "missed";
    case "cancelled": return "cancelled";
    case "late": return "late";
  }
  switch (at.link.phase) {
    case "late": return "late";
    case "over": return "over";
    case "documents": return "documents";
    case "missed": return "missed";
    case "cancelled": return "cancelled";
    case "too_early": return at.step === "check" || at.step === "reschedule" ? at.step : "too_early";
    default: return at.link.step_up ? "step_up" : at.step === "check" ? "check" : "welcome";
  }
}

const RETRY_MS = 3_000;

/** After this the server shows a page another phase. */
const ENDED = new Set(["closed", "missed", "cancelled", "late"]);

export class Citizen extends Side<CitizenState> {
  readonly documents = new CitizenDocuments();
  readonly slots = new SlotFinder();
  #token: string | undefined;
  /** Whose link it is; kept over a reload, since a browser may hold the cookies of both. */
  #isGuest = readSetting("is-guest") === "true";
  #wakeLock: { release(): Promise<void> } | undefined;

  constructor() {
    super("citizen", { step: "welcome", line: "stopped", busy: false, wasInCall: readSetting("was-in-call") === "true", putBack: false, rangInVain: false, serverAheadMs: 0 });
  }

  /** Takes the token out of the address and out of the history, then asks who this is for. */
  async start(): Promise<void> {
    const token = location.hash.slice(1);
    if (token) {
      this.#token = token;
      history.replaceState(null, "", location.pathname);
    }
    this.watchSurroundings(() => void this.#keepAwake());
    addEventListener("hashchange", () => location.hash.length > 20 && location.reload());
    await this.load();
  }

  protected override role() {
    return this.#isGuest ? ("guest" as const) : ("citizen" as const);
  }

  async load(): Promise<void> {
    this.set({ problem: undefined });
    try {
      const link = await this.#ask();
      this.#token = undefined;
      this.#isGuest = link.guest !== undefined;
      writeSetting("is-guest", String(this.#isGuest));
      writeSetting("helpdesk", link.service.helpdesk_phone);
      this.set({ link, serverAheadMs: Date.parse(link.server_time) - Date.now() });
      if (link.phase === "open" && !link.step_up) this.signaling.start();
      if (link.phase === "too_early") this.#lookAgainAt(Date.parse(link.opens));
      this.#linkKnown(link);
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "internal";
      if (code === "not_signed_in" && this.#isGone()) return;
      this.set({ problem: code });
      if (code === "unreachable" || code === "slow_down") {
        const after = (error instanceof ApiError ? error.retryAfterS : undefined) ?? RETRY_MS / 1000;
        realClock.after(after * 1000, () => this.get().problem === code && void this.load());
      }
    }
  }

  async #ask(): Promise<Link> {
    if (this.#token) return api.join(this.#token);
    return this.#isGuest ? api.guest() : api.link();
  }

  /** Shows who this is: with the provider's word that this browser has, or by going there. */
  showWho = (language: string) => this.attempt(async () => {
    try {
      await api.stepUp();
    } catch (error) {
      if (!(error instanceof ApiError) || (error.code !== "not_signed_in" && error.code !== "not_assured")) throw error;
      location.assign((await api.beginSignIn("join", language)).url);
      return;
    }
    await this.load();
  });

  toCheck = (): void => {
    this.media.setMuted(false);
    this.set({ step: "check", notice: undefined });
    void this.media.open();
  };

  toWelcome = (): void => {
    this.media.close();
    this.set({ step: "welcome", notice: undefined });
  };

  /** "Join the call": the place in the queue. */
  arrive = () => this.attempt(async () => {
    await this.request({ type: "arrive" });
  });

  /** Another time: the days are looked up anew. */
  toReschedule = (): void => {
    this.set({ step: "reschedule", chosen: undefined, instead: undefined, notice: undefined, moved: false });
    void this.#findSlots();
  };

  choose = (chosen: FreeSlot): void => this.set({ chosen, notice: undefined });

  /** The appointment moves to the chosen time; the link stays. */
  reschedule = (slot: FreeSlot) => this.attempt(async () => {
    try {
      this.set({ link: await api.reschedule(slot.start), step: "welcome", chosen: undefined, instead: undefined, moved: true });
      scrollTo(0, 0);
    } catch (error) {
      if (error instanceof ApiError && (error.code === "slot_taken" || error.code === "invalid_appointment")) {
        this.set({ chosen: undefined, instead: error.free });
        void this.#findSlots();
      }
      throw error;
    }
    const { link } = this.get();
    if (link?.phase === "too_early") this.#lookAgainAt(Date.parse(link.opens));
    else if (link?.phase === "open") this.signaling.start();
  });

  toCallBack = (): void => {
    const { link } = this.get();
    if (!link) return;
    const callback = new Callback({ service: link.service.key, zone: link.time_zone, aboutAppointment: true }, { name: link.name });
    this.set({ step: "call_back", callback });
    void callback.load();
  };

  /** From another time or a call back to what the link shows. */
  back = (): void => this.set({ step: "welcome", callback: undefined, chosen: undefined, instead: undefined, notice: undefined });

  /** A guest comes to the door under this name. */
  knock = (name: string) => this.attempt(async () => {
    await this.request({ type: "knock", name });
  });

  /** The citizen's word on a guest. */
  agree = (guest: number, agreed: boolean) => this.attempt(async () => {
    await this.request({ type: "agree", guest, agreed });
  });

  /** The appointment does not take place; the place goes to somebody else. */
  cancelAppointment = () => this.attempt(async () => {
    const link = await api.cancelAppointment();
    this.signaling.stop();
    this.media.close();
    this.set({ link, state: undefined });
  });

  /** Everything of the appointment is destroyed; the receipt remains. */
  deleteEverything = () => this.attempt(async () => {
    // The server ends the sockets of this link, too: that is no trouble to be told of.
    this.signaling.stop();
    try {
      const link = await api.eraseLink();
      this.media.close();
      this.documents.stop();
      this.set({ link, state: undefined });
    } catch (error) {
      if (this.get().link?.phase === "open") this.signaling.start();
      throw error;
    }
  });

  takeOver = () => this.attempt(async () => {
    void this.media.open();
    await this.request({ type: "take_over" });
  });

  accept = () => {
    const call = this.get().state?.call;
    if (!call) return;
    markAnswer();
    stopRinging();
    return this.attempt(async () => {
      await this.request({ type: "accept", call: call.number });
    });
  };

  decline = () => this.attempt(async () => {
    const call = this.get().state?.call;
    stopRinging();
    if (call) await this.request({ type: "decline", call: call.number });
  });

  leave = () => this.attempt(async () => {
    await this.request({ type: "leave" });
    if (!this.get().wasInCall) this.set({ step: "welcome" });
  });

  comeBack = () => this.attempt(async () => {
    void this.media.open();
    await this.request({ type: "return" });
  });

  protected override pushed(message: Pushed): void {
    if (message.type === "quality") this.seat.quality(message.uplink, message.downlink);
    if (message.type === "lids") this.seat.lids(message);
    if (message.type !== "state") return;
    // Another link was opened in this browser: the cookie leads to its appointment now, and this page must not speak for that.
    if (this.get().link && message.reference !== this.get().link?.reference) {
      this.signaling.stop();
      this.status("signed_out");
      return;
    }
    const before = this.get().state?.phase;
    const { phase } = message;
    const changed = before !== phase;
    if (changed && phase === "in_call") markAdmitted();
    this.set({
      state: message,
      ...(changed ? { notice: undefined } : {}),
      ...(phase === "in_call" ? { wasInCall: true, putBack: false, rangInVain: false } : {}),
      ...(changed && phase === "waiting" ? { putBack: before === "in_call", rangInVain: before === "ringing" } : {}),
    });
    this.seat.update(SEATED.has(phase) ? message : undefined);
    this.talksIn(message, SEATED.has(phase) && (this.get().wasInCall || phase === "in_call"));
    if (!changed) return;
    if (phase === "in_call") writeSetting("was-in-call", "true");
    if (phase === "ringing") startRinging(this.media.get().speakerId);
    else stopRinging();
    // After a reload the seat is still ours: the devices are opened again without a question.
    if (SEATED.has(phase)) {
      if (this.media.get().step === "idle") void this.media.open();
    } else if (phase !== "open" || before !== undefined) {
      this.media.close();
      if (phase === "open") this.set({ step: "welcome" });
    }
    if (ENDED.has(phase) && before !== undefined) void this.#refresh();
    void this.#keepAwake();
  }

  protected override status(line: SignalingStatus): void {
    super.status(line);
    if (line === "signed_out" && !this.#isGone()) this.set({ problem: "not_signed_in" });
    if (line === "replaced" || line === "refused" || line === "signed_out") {
      stopRinging();
      this.letGo();
    }
  }

  #findSlots(): Promise<void> {
    const { link } = this.get();
    return link ? this.slots.find({ key: link.service.key, time_zone: link.time_zone, book_ahead_days: link.service.book_ahead_days }) : Promise.resolve();
  }

  /** The page goes on by itself when the waiting room opens. */
  #lookAgainAt(opens: number): void {
    realClock.after(this.#until(opens, 200), () => this.get().link?.phase === "too_early" && void this.load());
  }

  /** Milliseconds until then on the server's clock; twelve hours at most, timers do not keep longer. */
  #until(at: number, margin: number): number {
    return Math.min(12 * 3_600_000, Math.max(1_000, at - Date.now() - this.get().serverAheadMs + margin));
  }

  /** What hangs on the link: its documents, and the moment at which everything is deleted. */
  #linkKnown(link: Link): void {
    if (link.guest || link.phase === "erased") return;
    void this.documents.load();
    // Without it the page shows no chat; the rest of it does not wait.
    if (link.phase === "documents") api.chat().then((transcript) => this.set({ transcript }), () => undefined);
    const until = link.kept_until;
    if (until && ["documents", "late", "missed", "cancelled"].includes(link.phase)) {
      realClock.after(this.#until(Date.parse(until), 3_000), () => this.get().link?.kept_until === until && void this.load());
    }
  }

  /** The consultation ended on this page: the link says what comes now. */
  async #refresh(): Promise<void> {
    try {
      const link = await this.#ask();
      this.set({ link });
      this.#linkKnown(link);
    } catch {
      // The page says that it ended; the rest is there when the link is opened again.
    }
  }

  /** Whether the cookie is no longer good because the time to keep anything was over; then the page says so. */
  #isGone(): boolean {
    const { link, serverAheadMs } = this.get();
    if (!link?.kept_until || Date.parse(link.kept_until) > Date.now() + serverAheadMs) return false;
    this.set({ link: { ...link, phase: "erased", name: "", reference: "", kept_until: undefined }, state: undefined, problem: undefined });
    return true;
  }

  protected override async stillWelcome(): Promise<void> {
    try {
      const link = await this.#ask();
      this.set({ link });
      if (link.phase !== "open") this.signaling.stop();
    } catch (error) {
      if (error instanceof ApiError && error.code === "not_signed_in") {
        this.signaling.stop();
        this.set({ problem: "not_signed_in" });
      }
    }
  }

  /** A phone's screen stays lit while the person waits or talks. */
  async #keepAwake(): Promise<void> {
    const wanted = SEATED.has(this.get().state?.phase ?? "");
    const locks = (navigator as { wakeLock?: { request(kind: "screen"): Promise<{ release(): Promise<void> }> } }).wakeLock;
    if (wanted && document.visibilityState === "visible") this.#wakeLock = await locks?.request("screen").catch(() => undefined);
    else if (!wanted) {
      await this.#wakeLock?.release().catch(() => undefined);
      this.#wakeLock = undefined;
    }
  }
}
