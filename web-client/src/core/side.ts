// What the citizen's side and the agent's have in common: devices, a seat, the line to the server, one wish of the person at a time.
// Knows the rules of neither.

import * as api from "./api";
import { ApiError } from "./api";
import { realClock } from "./clock";
import { Chat } from "./chat";
import { deviceId, drawEpoch, drawId, forgetSetting, nextTransport, readSetting, writeSetting } from "./device-id";
import { LiveText } from "./live-text";
import { LocalMedia } from "./local-media";
import { Seat } from "./seat";
import { TalkLine } from "./talk-line";
import { RequestError, Signaling, type SignalingStatus } from "./signaling";
import { Store } from "./store";
import { iceServersOf } from "./transport";
import type { State } from "./protocol";
import type { Pushed, Reply, Request } from "./wire";

export interface SideState {
  line: SignalingStatus;
  /** Code of the last thing that did not work or that happened; the screen stays. */
  notice?: string;
  /** With a notice that says "later": how much. */
  retryAfterS?: number;
  /** A request of the person is on its way. */
  busy: boolean;
  /** The server's clock minus ours. */
  serverAheadMs: number;
}

export abstract class Side<S extends SideState> extends Store<S> {
  readonly media = new LocalMedia();
  readonly seat: Seat;
  readonly chat: Chat;
  readonly liveText: LiveText;
  #talkLine: TalkLine;
  protected readonly signaling: Signaling;
  #greeted = false;

  constructor(side: "citizen" | "agent", state: S) {
    super(state);
    this.signaling = new Signaling({
      url: () => api.signalingUrl(this.role()),
      device: deviceId(side),
      clock: realClock,
      onPushed: (message) => this.#talk(message),
      onStatus: (status) => this.status(status),
      onServerTime: (iso) => this.#set({ serverAheadMs: Date.parse(iso) - Date.now() }),
      // A refused upgrade says nothing: now and then ask by HTTP whether the cookie is still good.
      onFailedAttempt: (count) => count % 5 === 3 && void this.stillWelcome(),
    });
    this.seat = new Seat({
      clock: realClock,
      media: this.media,
      nextTransport: () => nextTransport(side),
      iceServers: () => iceServersOf(this.signaling.relay, location),
      request: (body) => this.signaling.request(this.addressed(body)),
      probe: () => this.signaling.probe(),
      onChannel: (label, open) => this.#channel(label, open),
      onMessage: (label, message) => (label === "chat" ? this.#talkLine.received(message) : this.liveText.received(message)),
    });
    this.#talkLine = new TalkLine({
      clock: realClock,
      channel: (text) => this.seat.say("chat", text),
      socket: (body) => this.signaling.request(body),
      onPushed: (message) => this.#talk(message),
    });
    const kept = `chat.${side}`;
    this.chat = new Chat({
      clock: realClock,
      request: (body) => this.#talkLine.request(this.addressed(body)),
      drawId,
      keep: { read: () => readSetting(kept), write: (value) => writeSetting(kept, value), forget: () => forgetSetting(kept) },
    });
    this.liveText = new LiveText({ clock: realClock, drawEpoch, send: (block) => this.#sendText(block), way: () => (this.seat.hears("text") ? "channel" : "socket") });
  }

  /** As what this page speaks. */
  protected abstract role(): "citizen" | "guest" | "agent";

  useThisPage = (): void => location.reload();
  clearNotice = (): void => this.#set({ notice: undefined });

  /** What the server says by itself. */
  protected abstract pushed(message: Pushed): void;
  /** Asks by HTTP whether this browser may still speak. */
  protected abstract stillWelcome(): Promise<void>;

  /** A request of the seat, with what tells the server which consultation it means. */
  protected addressed(body: Request): Request {
    return body;
  }

  #channel(label: "chat" | "text", open: boolean): void {
    if (label === "chat" && !open) this.#talkLine.channelClosed();
    else if (open) (label === "chat" ? this.chat : this.liveText).resume();
  }

  /** By its own channel, else by the socket. */
  #sendText(block: string): boolean {
    if (this.seat.say("text", block)) return true;
    if (this.signaling.status !== "ready") return false;
    this.signaling.request(this.addressed({ type: "text", block })).catch(() => undefined);
    return true;
  }

  #talk(message: Pushed): void {
    switch (message.type) {
      case "chat": return this.chat.pushed(message.appointment, message.messages);
      case "chat_state": return this.chat.told(message);
      case "text": return this.liveText.received(message.block);
      default: return this.pushed(message);
    }
  }

  /** The consultation of the newest snapshot; undefined: in none, or its end. */
  protected talksIn(state: State | undefined, reads: boolean): void {
    if (!state || !reads) this.chat.end();
    else {
      const began = this.#talking !== state.appointment;
      this.chat.begin(state.appointment);
      if (began) this.chat.resume();
    }
    this.#talking = state && reads ? state.appointment : undefined;
    if (state?.phase !== "in_call") {
      if (this.#inCall) this.liveText.end();
    } else {
      this.liveText.people(state.you, state.participants);
      if (!this.#inCall) this.liveText.resume();
    }
    this.#inCall = state?.phase === "in_call";
  }

  #talking: string | undefined;
  #inCall = false;

  protected status(line: SignalingStatus): void {
    this.#set({ line });
    if (line === "ready" && this.#greeted) {
      this.chat.resume();
      if (this.#inCall) this.liveText.resume();
    }
    if (line === "ready") {
      void this.seat.signalingReady(this.#greeted);
      this.#greeted = true;
    } else {
      this.seat.signalingLost();
    }
  }

  /** The next greeting is a first one again. */
  protected forgetGreeting(): void {
    this.#greeted = false;
  }

  /** Nothing of the person goes out any more. */
  protected letGo(): void {
    this.seat.update(undefined);
    this.media.close();
  }

  /** The network of the device changes, the page comes back to the front. */
  protected watchSurroundings(shown?: () => void): void {
    addEventListener("online", () => this.seat.networkChanged());
    (navigator as { connection?: EventTarget }).connection?.addEventListener("change", () => this.seat.networkChanged());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      this.signaling.probe();
      shown?.();
    });
  }

  /** What the person asked for survives a short interruption. */
  protected async request(body: Request): Promise<Reply> {
    await this.signaling.whenReady();
    return this.signaling.request(body);
  }

  /** One wish at a time; what does not work is told by its code. */
  protected async attempt(step: () => Promise<void>): Promise<void> {
    if (this.get().busy) return;
    this.#set({ busy: true, notice: undefined });
    try {
      await step();
    } catch (error) {
      this.#set({
        notice: error instanceof RequestError || error instanceof ApiError ? error.code : "internal",
        retryAfterS: error instanceof ApiError ? error.retryAfterS : undefined,
      });
    } finally {
      this.#set({ busy: false });
    }
  }

  #set(patch: Partial<SideState>): void {
    this.set(patch as Partial<S>);
  }
}
