// The way of what people write to each other: a data channel where there is one, else the WebSocket. The same messages on both; knows none of them.

import type { Clock } from "./clock";
import { RequestError } from "./signaling";
import { parseServerMessage, type Pushed, type Reply, type Request } from "./wire";

export interface TalkLineOptions {
  clock: Clock;
  /** Sends on the data channel `chat`; false when there is none, or it takes no more. */
  channel(text: string): boolean;
  socket(body: Request): Promise<Reply>;
  onPushed(message: Pushed): void;
}

/** A channel that does not answer within this is taken for dead; what was asked goes by the socket, and is the same thing asked again. */
const ANSWER_MS = 3_000;

export class TalkLine {
  #options: TalkLineOptions;
  #next = 1;
  #pending = new Map<number, { done(reply: Reply): void; failed(error: RequestError): void; cancel(): void }>();

  constructor(options: TalkLineOptions) {
    this.#options = options;
  }

  /** Resolves with the answer; by whichever way it comes the request is carried out once, since each names what it means. */
  async request(body: Request): Promise<Reply> {
    const id = this.#next++;
    if (!this.#options.channel(JSON.stringify({ ...body, id }))) return this.#options.socket(body);
    try {
      return await new Promise<Reply>((done, failed) => {
        const cancel = this.#options.clock.after(ANSWER_MS, () => {
          this.#pending.delete(id);
          failed(new RequestError("no_answer"));
        });
        this.#pending.set(id, { done, failed, cancel });
      });
    } catch (error) {
      if (error instanceof RequestError && error.code === "no_answer") return this.#options.socket(body);
      throw error;
    }
  }

  /** What came on the channel. */
  received(text: string): void {
    const message = parseServerMessage(text);
    if (message === undefined) return;
    if (!("re" in message)) return this.#options.onPushed(message);
    const waiting = this.#pending.get(message.re);
    if (!waiting) return;
    this.#pending.delete(message.re);
    waiting.cancel();
    if (message.type === "error") waiting.failed(new RequestError(message.code));
    else waiting.done(message);
  }

  /** The channel is gone: who waits for an answer on it asks by the socket. */
  channelClosed(): void {
    for (const waiting of [...this.#pending.values()]) {
      waiting.cancel();
      waiting.failed(new RequestError("no_answer"));
    }
    this.#pending.clear();
  }
}
