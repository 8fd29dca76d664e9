// The agent's side: sign-in, who waits, the call. What is true now and what may be done. Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import { realClock } from "./clock";
import { drawnCopy } from "./identity-copy";
import { markAdmitted } from "./marks";
import { Resume } from "./resume";
import { Side, type SideState } from "./side";
import type { SignalingStatus } from "./signaling";
import { play } from "./sound";
import { cameBack } from "./came-back";
import type { AgentAccount, BookableService, CallbackRow, DeskRow, DocumentEntry, Guest, GuestKind, Identity, IdentityResult, Outcome, SecondFactorOffer, SignInEnd, State } from "./protocol";
import type { Pushed, Request } from "./wire";

export interface AgentState extends SideState {
  step: "loading" | "sign_in" | "desk";
  /** The staff can sign in at an identity provider. */
  provider?: boolean;
  /** The password was right; a code of the second factor is needed too. */
  codeNeeded?: boolean;
  /** The account sets up its second factor. */
  offer?: SecondFactorOffer;
  /** Told once: each instead of a code of the app. */
  recoveryCodes?: string[];
  account?: AgentAccount;
  problem?: string;
  rows: DeskRow[];
  /** Who wants to be called back. */
  callbacks: CallbackRow[];
  /** For the names of topics. */
  services: BookableService[];
  deskKnown: boolean;
  state?: State;
  /** The row whose call is being prepared: the camera is asked for. */
  preparing?: DeskRow;
  /** When the call of this seat began, on this page's clock in milliseconds since 1970. */
  callSince?: number;
  /** The link that was just made for a guest; nobody can be told it again. */
  invited?: { name: string; url: string; qr: string[] };
  /** Who came to the door last, for the live region. */
  knocked?: { name: string; count: number };
  /** What the citizen of the running call has sent; undefined until it was asked for. */
  documents?: DocumentEntry[];
  /** What an agent said after a look at the identity card. */
  identity?: Identity;
  /** The copy of the card, while the agent looks at it. */
  copy?: { pages?: HTMLCanvasElement[]; problem?: boolean };
  /** Who arrived last, for the live region. */
  arrived?: { name: string; count: number };
}

export type AgentScreen = "loading" | "problem" | "sign_in" | "replaced" | "desk" | "preparing" | "calling" | "call" | "elsewhere";

/** Which screen the state means. */
export function agentScreen(at: AgentState): AgentScreen {
  if (at.step === "sign_in") return "sign_in";
  if (at.problem || at.line === "refused") return "problem";
  if (at.line === "replaced") return "replaced";
  if (at.step === "loading") return "loading";
  switch (at.state?.phase) {
    case "calling": return "calling";
    case "in_call": return "call";
    case "elsewhere": return "elsewhere";
  }
  return at.preparing ? "preparing" : "desk";
}

/** Phases that say "you hold no seat any more". */
const ENDED = new Set(["left", "put_back", "unanswered", "declined", "closed"]);

export class Agent extends Side<AgentState> {
  #resume = new Resume();
  #waiting = new Set<string>();
  #arrivals = 0;

  constructor() {
    super("agent", { step: "loading", line: "stopped", rows: [], callbacks: [], services: [], deskKnown: false, busy: false, serverAheadMs: 0 });
  }

  async start(): Promise<void> {
    this.watchSurroundings();
    const came = location.pathname === "/agent/signed-in" ? cameBack(location.search) : undefined;
    // The code is for the server alone.
    if (location.pathname !== "/agent") history.replaceState(null, "", "/agent");
    if (came) return this.#end(came);
    await this.load();
  }

  async #end(came: SignInEnd): Promise<void> {
    try {
      this.#enter(await api.endStaffSignIn(came));
    } catch (error) {
      this.#toSignIn(error instanceof ApiError ? error.code : "internal");
    }
  }

  #toSignIn(notice?: string): void {
    this.set({ step: "sign_in", notice });
    // Without an answer there is the form.
    api.waysIn().then(({ provider }) => this.set({ provider }), () => undefined);
  }

  async load(): Promise<void> {
    this.set({ problem: undefined });
    try {
      this.#enter(await api.agent());
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "internal";
      if (code === "not_signed_in") this.#toSignIn();
      else {
        this.set({ problem: code });
        realClock.after(3_000, () => this.get().problem === code && void this.load());
      }
    }
  }

  protected override role() {
    return "agent" as const;
  }

  signIn = (username: string, password: string, code?: string) => this.attempt(async () => {
    try {
      this.#enter(await api.signIn(username, password, code));
    } catch (error) {
      const why = error instanceof ApiError ? error.code : "";
      if (why === "code_needed") this.set({ codeNeeded: true });
      else if (why === "second_factor_missing") this.set({ offer: await api.askSecondFactor(username, password) });
      else throw error;
    }
  });

  /** The app shows this code: the second factor is set up. */
  confirmSecondFactor = (username: string, password: string, code: string) => this.attempt(async () => {
    const { offer } = this.get();
    if (!offer) return;
    const { recovery_codes, account } = await api.confirmSecondFactor({ username, password, setup: offer.setup, code });
    this.set({ recoveryCodes: recovery_codes, account });
  });

  /** The codes to recover are kept elsewhere now. */
  toDesk = (): void => {
    const { account } = this.get();
    if (account) this.#enter(account);
  };

  signInAtProvider = (language: string) => this.attempt(async () => {
    location.assign((await api.beginStaffSignIn(language)).url);
  });

  signOut = () => this.attempt(async () => {
    await api.signOut();
    this.#out();
  });

  /** The camera opens at the click, so that the transport is up while it rings. */
  call = (row: DeskRow) => this.attempt(async () => {
    this.set({ preparing: row });
    try {
      await this.media.open();
      if (!this.get().preparing) return;
      await this.request({ type: "call", appointment: row.appointment });
    } catch (error) {
      this.media.close();
      throw error;
    } finally {
      this.set({ preparing: undefined });
    }
  });

  /** Changed one's mind while the browser still asks for the camera. */
  cancelPreparing = () => {
    this.set({ preparing: undefined });
    this.media.close();
  };

  comeBack = (row: DeskRow) => this.attempt(async () => {
    void this.media.open();
    try {
      await this.request({ type: "return", appointment: row.appointment });
    } catch (error) {
      this.media.close();
      throw error;
    }
  });

  stopRinging = () => this.attempt(() => this.#simple("cancel_call"));
  putBack = () => this.attempt(() => this.#simple("put_back"));
  hangUp = () => this.attempt(() => this.#simple("leave"));
  takeOver = () => this.attempt(async () => {
    void this.media.open();
    await this.#simple("take_over");
  });

  close = (outcome: Outcome) => this.attempt(async () => {
    const { state } = this.get();
    if (state) await this.request({ type: "close", appointment: state.appointment, outcome });
  });

  invite = (kind: GuestKind, name: string, direct: boolean) => this.attempt(async () => {
    const { state } = this.get();
    if (!state) return;
    const reply = await this.request({ type: "invite", appointment: state.appointment, kind, name, direct });
    if (reply.type === "invited") this.set({ invited: { name, url: reply.url, qr: reply.qr } });
  });

  /** Asked at the beginning of the call and on a wish: each look stands in the audit trail. */
  lookForDocuments = () => this.attempt(() => this.#documents());

  /** Each look stands in the audit trail. */
  lookAtCopy = () => this.attempt(async () => {
    const { state, account } = this.get();
    if (!state) return;
    this.set({ copy: {} });
    const still = () => this.get().copy !== undefined && this.get().state?.appointment === state.appointment;
    try {
      const copy = await api.identityCopy(state.appointment);
      const time = new Intl.DateTimeFormat(account?.language, { dateStyle: "short", timeStyle: "short" }).format(Date.now() + this.get().serverAheadMs);
      const pages = await drawnCopy(copy, `${account?.name ?? ""} · ${time} · ${state.reference}`);
      if (still()) this.set({ copy: { pages } });
    } catch (error) {
      if (still()) this.set({ copy: { problem: true } });
      if (error instanceof ApiError && error.code === "unknown_document") await this.#documents();
    }
  });

  putCopyAway = () => this.set({ copy: undefined });

  /** The copy is destroyed with it. */
  sayIdentity = (result: IdentityResult) => this.attempt(async () => {
    const { state, documents } = this.get();
    if (!state) return;
    const identity = await api.sayIdentity(state.appointment, result);
    this.set({ identity, copy: undefined, documents: documents?.filter(({ kind }) => kind !== "identity_copy") });
  });

  forgetInvited = () => this.set({ invited: undefined });
  letIn = (guest: Guest) => this.attempt(() => this.#about("let_in", guest));
  putBackGuest = (guest: Guest) => this.attempt(() => this.#about("put_back_guest", guest));
  revoke = (guest: Guest) => this.attempt(() => this.#about("revoke", guest));

  removeGuest = (guest: Guest) => this.attempt(async () => {
    const { state } = this.get();
    if (state && guest.participant !== undefined) await this.request({ type: "remove", appointment: state.appointment, participant: guest.participant });
  });

  notify = (row: DeskRow, text: string) => this.attempt(async () => {
    await this.request({ type: "notify", appointment: row.appointment, text });
    this.set({ notice: "message_sent" });
  });

  setCallbackDone = (row: CallbackRow, done: boolean) => this.attempt(() => api.setCallbackDone(row.callback, done));

  #enter(account: AgentAccount): void {
    this.set({ step: "desk", account, notice: undefined, retryAfterS: undefined, codeNeeded: undefined, offer: undefined, recoveryCodes: undefined });
    this.signaling.start();
    // Without them the desk shows no topics.
    api.services().then(({ services }) => this.set({ services }), () => undefined);
  }

  #out(notice?: string): void {
    this.signaling.stop();
    this.forgetGreeting();
    this.#waiting.clear();
    this.letGo();
    this.set({ account: undefined, rows: [], callbacks: [], deskKnown: false, state: undefined });
    this.#toSignIn(notice);
  }

  async #simple(type: "cancel_call" | "put_back" | "leave" | "take_over"): Promise<void> {
    const { state } = this.get();
    if (state) await this.request({ type, appointment: state.appointment });
  }

  async #about(type: "let_in" | "put_back_guest" | "revoke", { guest }: Guest): Promise<void> {
    const { state } = this.get();
    if (state) await this.request({ type, appointment: state.appointment, guest });
  }

  async #documents(): Promise<void> {
    const { state } = this.get();
    if (!state) return;
    const { documents, identity } = await api.documentsOf(state.appointment);
    if (this.get().state?.appointment === state.appointment) this.set({ documents, identity });
  }

  /** Somebody new at the door is seen and heard. */
  #door(before: State | undefined, now: State): void {
    const stood = new Set((before?.guests ?? []).filter((guest) => guest.state === "knocking").map((guest) => guest.guest));
    const newest = (now.guests ?? []).filter((guest) => guest.state === "knocking" && !stood.has(guest.guest)).pop();
    if (!newest) return;
    this.set({ knocked: { name: newest.name, count: ++this.#arrivals } });
    play("arrival", this.media.get().speakerId).catch(() => undefined);
  }

  protected override addressed(body: Request): Request {
    return { ...body, appointment: this.get().state?.appointment } as Request;
  }

  protected override pushed(message: Pushed): void {
    switch (message.type) {
      case "quality": return this.seat.quality(message.uplink, message.downlink);
      case "lids": return message.appointment === this.get().state?.appointment ? this.seat.lids(message) : undefined;
      case "desk":
        // What ended it while the line was down is not told again.
        if (this.#resume.desk(this.get().state?.appointment)) this.#ended("not_in_call");
        this.set({ callbacks: message.callbacks ?? [] });
        return this.#desk(message.rows);
      case "state": return this.#consultation(message);
    }
  }

  #desk(rows: DeskRow[]): void {
    const waiting = rows.filter((row) => row.state === "waiting" || row.state === "ringing");
    const fresh = waiting.filter((row) => row.state === "waiting" && !this.#waiting.has(row.appointment));
    const first = !this.get().deskKnown;
    this.#waiting = new Set(waiting.map((row) => row.appointment));
    this.set({ rows, deskKnown: true });
    const newest = fresh[fresh.length - 1];
    if (newest && !first) {
      this.set({ arrived: { name: newest.name, count: ++this.#arrivals } });
      play("arrival", this.media.get().speakerId).catch(() => undefined);
    }
  }

  #consultation(message: State): void {
    const before = this.get().state;
    this.#resume.state(message.appointment);
    if (ENDED.has(message.phase)) {
      if (!before || before.appointment === message.appointment) this.#ended(`ended.${message.phase}`);
      return;
    }
    const entered = message.phase === "in_call" && before?.phase !== "in_call";
    if (entered) markAdmitted();
    this.#door(before, message);
    this.set({ state: message, ...(entered ? { callSince: Date.now(), notice: undefined } : {}) });
    // The list can be looked for again: a call does not wait for it.
    if (entered) this.#documents().catch(() => undefined);
    this.seat.update(message.phase === "elsewhere" ? undefined : message);
    this.talksIn(message, message.phase === "in_call");
    if (message.phase === "elsewhere") this.media.close();
    else if (this.media.get().step === "idle") void this.media.open();
  }

  #ended(notice: string): void {
    const had = this.get().state !== undefined;
    this.talksIn(undefined, false);
    this.letGo();
    this.set({ state: undefined, callSince: undefined, invited: undefined, knocked: undefined, documents: undefined, identity: undefined, copy: undefined, notice: had ? notice : undefined });
  }

  protected override status(line: SignalingStatus): void {
    if (line === "ready") this.#resume.greeted();
    super.status(line);
    if (line === "signed_out") this.#out("signed_out");
    if (line === "replaced" || line === "refused") this.letGo();
  }

  protected override async stillWelcome(): Promise<void> {
    try {
      await api.agent();
    } catch (error) {
      if (error instanceof ApiError && error.code === "not_signed_in") this.#out("signed_out");
    }
  }
}
