// The WebSocket to the server: greeting, heartbeat, requests with answers, and coming back by itself.
// Knows nothing of consultations and media; hands on what the server pushes.

import type { Clock } from "./clock";
import { Close, SUBPROTOCOL, VERSION, type Relay } from "./protocol";
import { parseServerMessage, type Pushed, type Reply, type Request } from "./wire";

/** The part of a WebSocket that is used here. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type SignalingStatus =
  | "connecting"
  | "ready"
  /** Lost; coming back by itself. */
  | "reconnecting"
  /** 1008: this page broke a rule or a limit. */
  | "refused"
  /** 4001: the cookie is no longer good. */
  | "signed_out"
  /** 4002: a newer socket of the same page. */
  | "replaced"
  | "stopped";

export class RequestError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export interface SignalingOptions {
  /** A function where it is known only by the time of connecting. */
  url: string | (() => string);
  device: string;
  clock: Clock;
  open?: (url: string, subprotocol: string) => SocketLike;
  onPushed(message: Pushed): void;
  onStatus(status: SignalingStatus): void;
  /** Milliseconds that the server's clock is ahead of ours. */
  onServerTime?(iso: string): void;
  /** The nth attempt in a row did not reach a welcome: the cookie may be gone, which a refused upgrade cannot say. */
  onFailedAttempt?(count: number): void;
}

const GREETING_MS = 8_000;
const RETRY_MS = 1_000;
const REQUEST_MS = 12_000;
/** A click during a restart of the server is carried out when it is back, unless that takes too long to be what was meant. */
const READY_WAIT_MS = 4_000;

export class Signaling {
  #options: SignalingOptions;
  #socket: SocketLike | undefined;
  #status: SignalingStatus = "stopped";
  #nextId = 1;
  #pending = new Map<number, { done: (reply: Reply) => void; failed: (error: RequestError) => void; cancel: () => void }>();
  #timers = new Map<string, () => void>();
  #waiters = new Set<{ done: () => void; failed: () => void }>();
  #failures = 0;
  #relay: Relay | undefined;
  #heartbeatMs = 5_000;
  #heardAt = 0;

  constructor(options: SignalingOptions) {
    this.#options = options;
  }

  get status(): SignalingStatus {
    return this.#status;
  }

  #url(): string {
    const { url } = this.#options;
    return typeof url === "string" ? url : url();
  }

  /** The credentials of the last greeting. */
  get relay(): Relay | undefined {
    return this.#relay;
  }

  start(): void {
    if (this.#status !== "stopped") return;
    this.#failures = 0;
    this.#setStatus("connecting");
    this.#connect();
  }

  stop(): void {
    this.#drop();
    this.#setStatus("stopped");
  }

  /** Sends a request and resolves with its answer; rejects with the server's code, or `offline` when the line is down. */
  request(body: Request): Promise<Reply> {
    if (this.#status !== "ready") return Promise.reject(new RequestError("offline"));
    return this.#send(body, REQUEST_MS);
  }

  /** Resolves as soon as requests can be sent; rejects with `offline` when that takes longer, or when the line has ended for good. */
  whenReady(ms = READY_WAIT_MS): Promise<void> {
    if (this.#status === "ready") return Promise.resolve();
    if (this.#status !== "connecting" && this.#status !== "reconnecting") return Promise.reject(new RequestError("offline"));
    return new Promise((done, failed) => {
      const waiting = {
        done: () => { cancel(); this.#waiters.delete(waiting); done(); },
        failed: () => { cancel(); this.#waiters.delete(waiting); failed(new RequestError("offline")); },
      };
      const cancel = this.#options.clock.after(ms, () => waiting.failed());
      this.#waiters.add(waiting);
    });
  }

  /** Asks now whether the line lives; when no answer comes within `ms`, or when waiting to retry, connects anew at once. */
  probe(ms = 800): void {
    if (this.#status === "ready") {
      if (!this.#timers.has("probe")) {
        this.#send({ type: "ping" }, REQUEST_MS).catch(() => undefined);
        this.#timer("probe", ms, () => this.#lost(true));
      }
    } else if (this.#timers.has("retry")) {
      this.#clear("retry");
      this.#connect();
    }
  }

  #connect(): void {
    const open = this.#options.open ?? ((url, subprotocol) => new WebSocket(url, subprotocol) as unknown as SocketLike);
    const socket = open(this.#url(), SUBPROTOCOL);
    this.#socket = socket;
    this.#timer("greeting", GREETING_MS, () => this.#lost(false));
    socket.onopen = () => {
      this.#send({ type: "hello", version: VERSION, device: this.#options.device }, GREETING_MS).then(
        (reply) => this.#greeted(socket, reply),
        () => socket === this.#socket && this.#lost(false),
      );
    };
    socket.onmessage = (event) => {
      if (socket !== this.#socket || typeof event.data !== "string") return;
      this.#heard();
      const message = parseServerMessage(event.data);
      if (message === undefined) return;
      if ("re" in message) this.#answered(message);
      else this.#options.onPushed(message);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#closed(event.code);
    };
  }

  #greeted(socket: SocketLike, reply: Reply): void {
    if (socket !== this.#socket || reply.type !== "welcome") return;
    this.#clear("greeting");
    this.#failures = 0;
    this.#heartbeatMs = Math.max(1_000, reply.heartbeat_ms);
    this.#relay = reply.relay;
    this.#options.onServerTime?.(reply.server_time);
    this.#setStatus("ready");
    this.#beat();
    this.#heard();
  }

  /** The next beat is set when the last one is answered: browsers do not slow down timers that start in a message. */
  #beat(): void {
    this.#timer("beat", this.#heartbeatMs, () => {
      this.#send({ type: "ping" }, this.#heartbeatMs * 3).then(() => this.#beat(), () => undefined);
    });
  }

  #heard(): void {
    this.#heardAt = this.#options.clock.now();
    this.#clear("probe");
    if (!this.#timers.has("silence") && this.#status === "ready") this.#watchSilence(this.#heartbeatMs * 3);
  }

  #watchSilence(ms: number): void {
    this.#timer("silence", ms, () => {
      const left = this.#heardAt + this.#heartbeatMs * 3 - this.#options.clock.now();
      if (left > 0) this.#watchSilence(left);
      else this.#lost(true);
    });
  }

  #closed(code: number): void {
    switch (code) {
      case Close.Policy: return this.#end("refused");
      case Close.CredentialEnded: return this.#end("signed_out");
      case Close.Replaced: return this.#end("replaced");
      case Close.TryAgainLater: return this.#retry(2_000 + 3_000 * this.#options.clock.random());
      default: return this.#lost(this.#status === "ready");
    }
  }

  #end(status: SignalingStatus): void {
    this.#drop();
    this.#setStatus(status);
  }

  /** At once after a line that worked, else each second with jitter. */
  #lost(wasReady: boolean): void {
    if (wasReady && this.#failures === 0) {
      this.#failures = 1;
      this.#retry(0);
    } else {
      this.#failures += 1;
      this.#options.onFailedAttempt?.(this.#failures);
      this.#retry(RETRY_MS * (0.75 + 0.5 * this.#options.clock.random()));
    }
  }

  #retry(ms: number): void {
    this.#drop();
    if (this.#status !== "connecting") this.#setStatus("reconnecting");
    if (ms === 0) this.#connect();
    else this.#timer("retry", ms, () => this.#connect());
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    for (const name of [...this.#timers.keys()]) this.#clear(name);
    for (const waiting of [...this.#pending.values()]) {
      waiting.cancel();
      waiting.failed(new RequestError("offline"));
    }
    this.#pending.clear();
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      try {
        socket.close(1000);
      } catch {
        // A socket that never opened may refuse; it is let go of anyway.
      }
    }
  }

  #send(body: Request, ms: number): Promise<Reply> {
    const id = this.#nextId++;
    return new Promise((done, failed) => {
      const cancel = this.#options.clock.after(ms, () => {
        this.#pending.delete(id);
        failed(new RequestError("no_answer"));
      });
      this.#pending.set(id, { done, failed, cancel });
      this.#socket?.send(JSON.stringify({ ...body, id }));
    });
  }

  #answered(reply: Reply): void {
    const waiting = this.#pending.get(reply.re);
    if (!waiting) return;
    this.#pending.delete(reply.re);
    waiting.cancel();
    if (reply.type === "error") waiting.failed(new RequestError(reply.code));
    else waiting.done(reply);
  }

  #setStatus(status: SignalingStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#options.onStatus(status);
    if (status === "ready") for (const waiting of [...this.#waiters]) waiting.done();
    else if (status !== "connecting" && status !== "reconnecting") for (const waiting of [...this.#waiters]) waiting.failed();
  }

  #timer(name: string, ms: number, run: () => void): void {
    this.#clear(name);
    this.#timers.set(name, this.#options.clock.after(ms, () => {
      this.#timers.delete(name);
      run();
    }));
  }

  #clear(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}
