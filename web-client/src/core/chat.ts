// The chat of one consultation on this page: what was said, what is on its way, and each message once, though lines break and pages reload.
// What the server has not acknowledged is kept over a reload and said again under the same id. Knows no element of the page.

import type { Clock } from "./clock";
import type { ChatMessage, ChatState as Told } from "./protocol";
import { RequestError } from "./signaling";
import { Store } from "./store";
import type { Reply, Request } from "./wire";

/** Said here, and not acknowledged yet. */
export interface Unsent {
  message: string;
  text: string;
  /** Code of why it will not be sent. */
  problem?: string;
}

export interface ChatView {
  /** May be written to. */
  open: boolean;
  messages: ChatMessage[];
  unsent: Unsent[];
  /** Up to which number the other side has seen everything. */
  seen: number;
  /** Participants who write now. */
  typing: number[];
  /** Messages of others that were not on screen yet. */
  unread: number;
  /** The newest message of somebody else that came while this page looked on, for those who listen. */
  arrived?: ChatMessage;
}

export interface ChatOptions {
  clock: Clock;
  request(body: Request): Promise<Reply>;
  drawId(): string;
  keep: { read(): string | undefined; write(value: string): void; forget(): void };
}

export const emptyChat: ChatView = { open: false, messages: [], unsent: [], seen: 0, typing: [], unread: 0 };

const AGAIN_MS = 1_500;
/** A message that is told of usually is on its way. */
const MISSING_MS = 700;
/** "I write" holds for six seconds at the server. */
const TYPING_MS = 3_000;
/** A message that these answer is not said again: it never fits. */
const HOPELESS = new Set(["chat_full", "bad_message", "unknown_appointment", "closed"]);
export const LONGEST = 2_000;

export class Chat extends Store<ChatView> {
  #options: ChatOptions;
  #appointment = "";
  /** Everything up to this number is here. */
  #complete = 0;
  #last = 0;
  #read = 0;
  #toldSeen = 0;
  #shown = false;
  #sending = false;
  #catching = false;
  #typingUntil = -Infinity;
  #retry: (() => void) | undefined;
  #missing: (() => void) | undefined;

  constructor(options: ChatOptions) {
    super(emptyChat);
    this.#options = options;
  }

  /** The consultation that this page is in. Called again with the same one nothing happens. */
  begin(appointment: string): void {
    if (appointment === this.#appointment) return;
    this.#reset();
    this.#appointment = appointment;
    const kept = this.#kept();
    if (kept?.appointment === appointment) {
      this.#read = kept.read;
      this.set({ unsent: kept.unsent });
    }
  }

  /** It is over on this page. */
  end(): void {
    if (this.#appointment === "") return;
    this.#reset();
    this.#options.keep.forget();
  }

  /** Long texts become several messages. */
  say = (text: string): void => {
    // eslint-disable-next-line no-control-regex
    const clean = text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "").trim();
    const points = Array.from(clean);
    const parts: string[] = [];
    for (let at = 0; at < points.length; at += LONGEST) parts.push(points.slice(at, at + LONGEST).join(""));
    const unsent = parts.filter((part) => part.trim() !== "").map((part) => ({ message: this.#options.drawId(), text: part }));
    if (unsent.length === 0) return;
    this.#typingUntil = -Infinity;
    this.set({ unsent: [...this.get().unsent, ...unsent] });
    this.#keep();
    void this.#pump();
  };

  /** Takes a message that will not be sent out of the list. */
  discard = (message: string): void => {
    this.set({ unsent: this.get().unsent.filter((one) => one.message !== message) });
    this.#keep();
  };

  /** The person types, or emptied the text box. */
  typing = (typing: boolean): void => {
    const now = this.#options.clock.now();
    if (!this.get().open || (typing ? now < this.#typingUntil : this.#typingUntil === -Infinity)) return;
    this.#typingUntil = typing ? now + TYPING_MS : -Infinity;
    this.#options.request({ type: "chat_typing", typing }).catch(() => undefined);
  };

  /** Whether the messages are in view. */
  show = (shown: boolean): void => {
    this.#shown = shown;
    this.#see();
  };

  /** A way to the server is there (again). */
  resume(): void {
    if (this.#appointment === "") return;
    this.#toldSeen = 0;
    void this.#catchUp();
    void this.#pump();
    this.#see();
  }

  /** New messages. */
  pushed(appointment: string, messages: ChatMessage[]): void {
    if (appointment !== this.#appointment) return;
    this.#merge(messages, true);
    if (messages.some((message) => message.number > this.#complete)) void this.#catchUp();
  }

  told({ appointment, open, last, seen, typing }: Told): void {
    if (appointment !== this.#appointment) return;
    this.#last = Math.max(this.#last, last);
    const opened = open && !this.get().open;
    this.set({ open, seen: Math.max(this.get().seen, seen), typing });
    if (opened) void this.#pump();
    if (this.#last > this.#complete) this.#missing ??= this.#options.clock.after(MISSING_MS, () => {
      this.#missing = undefined;
      if (this.#last > this.#complete) void this.#catchUp();
    });
  }

  #reset(): void {
    this.#retry?.();
    this.#missing?.();
    this.#retry = this.#missing = undefined;
    this.#appointment = "";
    this.#complete = this.#last = this.#read = this.#toldSeen = 0;
    this.#typingUntil = -Infinity;
    this.set(emptyChat);
    this.set({ arrived: undefined });
  }

  /** One after the other, so that they arrive in the order in which they were said. */
  async #pump(): Promise<void> {
    if (this.#sending) return;
    const appointment = this.#appointment;
    const next = this.get().unsent.find((one) => one.problem === undefined);
    if (!next || !this.get().open) return;
    this.#sending = true;
    this.#retry?.();
    this.#retry = undefined;
    let again = 0;
    try {
      const reply = await this.#options.request({ type: "chat", message: next.message, text: next.text });
      if (reply.type === "said" && appointment === this.#appointment) {
        this.set({ unsent: this.get().unsent.filter((one) => one.message !== next.message) });
        this.#merge([{ number: reply.number, message: next.message, role: "citizen", name: "", you: true, text: next.text, at: reply.at }], false);
        this.#keep();
      }
    } catch (error) {
      const code = error instanceof RequestError ? error.code : "internal";
      if (HOPELESS.has(code)) {
        this.set({ unsent: this.get().unsent.map((one) => (one.message === next.message ? { ...one, problem: code } : one)) });
        this.#keep();
      } else again = AGAIN_MS;
    } finally {
      this.#sending = false;
    }
    if (appointment !== this.#appointment) return;
    if (again > 0) this.#retry = this.#options.clock.after(again, () => void this.#pump());
    else void this.#pump();
  }

  async #catchUp(): Promise<void> {
    if (this.#catching) return;
    this.#catching = true;
    const appointment = this.#appointment;
    try {
      for (let more = true; more;) {
        const reply = await this.#options.request({ type: "chat_since", after: this.#complete });
        if (reply.type !== "chat_page" || appointment !== this.#appointment) return;
        this.#merge(reply.messages, this.#complete > 0);
        const end = reply.messages[reply.messages.length - 1]?.number;
        if (end !== undefined) this.#complete = Math.max(this.#complete, end);
        this.#advance();
        more = reply.more || (end !== undefined && this.get().messages.some((message) => message.number > this.#complete));
      }
    } catch {
      // The line comes back by itself, and asks again then.
    } finally {
      this.#catching = false;
    }
  }

  /** Adds what is new, by number. `live`: it came while the person was here. */
  #merge(more: ChatMessage[], live: boolean): void {
    const known = new Set(this.get().messages.map((message) => message.number));
    const fresh = more.filter((message) => !known.has(message.number));
    if (fresh.length > 0) {
      const messages = [...this.get().messages, ...fresh].sort((a, b) => a.number - b.number);
      // The acknowledgement was lost, the message was not.
      const said = new Set(fresh.filter((message) => message.you).map((message) => message.message));
      const arrived = live ? fresh.filter((message) => !message.you).pop() : undefined;
      this.set({ messages, ...(said.size > 0 ? { unsent: this.get().unsent.filter((one) => !said.has(one.message)) } : {}), ...(arrived ? { arrived } : {}) });
      if (said.size > 0) this.#keep();
    }
    this.#advance();
    this.#see();
  }

  #advance(): void {
    const numbers = new Set(this.get().messages.map((message) => message.number));
    while (numbers.has(this.#complete + 1)) this.#complete += 1;
  }

  #see(): void {
    const { messages } = this.get();
    const newest = messages[messages.length - 1]?.number ?? 0;
    if (this.#shown && newest > this.#read) {
      this.#read = newest;
      this.#keep();
    }
    const unread = messages.filter((message) => !message.you && message.number > this.#read).length;
    if (unread !== this.get().unread) this.set({ unread });
    if (this.#shown && this.#read > this.#toldSeen && this.get().open) {
      this.#toldSeen = this.#read;
      this.#options.request({ type: "chat_seen", number: this.#read }).catch(() => { this.#toldSeen = 0; });
    }
  }

  #keep(): void {
    this.#options.keep.write(JSON.stringify({ appointment: this.#appointment, read: this.#read, unsent: this.get().unsent }));
  }

  #kept(): { appointment: string; read: number; unsent: Unsent[] } | undefined {
    try {
      const kept = JSON.parse(this.#options.keep.read() ?? "null");
      return kept && typeof kept.appointment === "string" && typeof kept.read === "number" && Array.isArray(kept.unsent) ? kept : undefined;
    } catch {
      return undefined;
    }
  }
}
