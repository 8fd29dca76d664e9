// Keeps one person's media connected while they hold a seat: one transport, opened by admission, healed when it breaks.
// Knows neither whose seat it is nor what is on screen.

import type { Clock } from "./clock";
import type { LocalMedia } from "./local-media";
import { LineWatch, SIGN_OF_LIFE_MS, SURELY_DEAD_MS, SUSPICIOUS_MS } from "./line-watch";
import { Playout } from "./playout";
import { RequestError } from "./signaling";
import { Store } from "./store";
import { Transport, type ChannelLabel } from "./transport";
import type { Lids, Participant, Quality, State } from "./protocol";
import type { Reply, Request } from "./wire";

export interface Person extends Participant {
  /** Picture and sound together. */
  media: MediaStream;
  screenMedia?: MediaStream;
  /** Sends a picture that does not come here: none of the codecs is this browser's, or there is no slot left. */
  unseen?: boolean;
}

export interface SeatState {
  people: Person[];
  /** Media is expected and does not come. */
  interrupted: boolean;
  connected: boolean;
  /** The page is through to the server, media is not: by UDP, TCP and the relay nothing came up. It is tried on. */
  noMediaPath: boolean;
  /** Too many people talk at this moment: the place is kept, the transport comes later. */
  overloaded: boolean;
  uplink: Quality;
  downlink: Quality;
}

export interface SeatOptions {
  clock: Clock;
  media: LocalMedia;
  nextTransport(): number;
  request(body: Request): Promise<Reply>;
  /** For networks that let nothing but TLS through. */
  iceServers(): RTCIceServer[];
  /** Asks the signaling whether it lives. */
  probe(): void;
  /** A data channel opened, or is gone. */
  onChannel(label: ChannelLabel, open: boolean): void;
  onMessage(label: ChannelLabel, message: string): void;
}

const POLL_MS = 300;
const RETRY_MS = 1_000;
/** An overloaded server is asked again after so long, and up to twice as long: not by everybody at once. */
const OVERLOADED_MS = 3_000;
/** Every path that a network leaves is up by then: the slowest, TURN inside TLS, takes up to five seconds (trust.md N6). */
const NO_PATH_MS = 8_000;

export class Seat extends Store<SeatState> {
  #options: SeatOptions;
  #state: State | undefined;
  #ready = false;
  #transport: Transport | undefined;
  #answered = false;
  #busy = false;
  #watch: LineWatch;
  #playout = new Playout();
  #cancelPoll: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelPathWait: (() => void) | undefined;
  #streams = new Map<string, MediaStream>();
  #published = "";
  /** The transport must be made anew as soon as the signaling is there. */
  #stale = false;

  constructor(options: SeatOptions) {
    super({ people: [], interrupted: false, connected: false, noMediaPath: false, overloaded: false, uplink: "good", downlink: "good" });
    this.#options = options;
    this.#watch = new LineWatch(options.clock.now());
    options.media.watch(() => {
      this.#transport?.setTracks(options.media.get());
      this.#reconcile();
      this.#publish();
    });
  }

  /** The newest snapshot, or undefined when no seat is held. */
  update(state: State | undefined): void {
    this.#state = state;
    this.#admit();
    this.#reconcile();
  }

  quality(uplink: Quality, downlink: Quality): void {
    this.set({ uplink, downlink });
  }

  /** Whether a data channel takes something now. */
  hears(label: ChannelLabel): boolean {
    return this.#transport?.hears(label) ?? false;
  }

  /** Sends on a data channel; false when there is no way by it. */
  say(label: ChannelLabel, message: string): boolean {
    return this.#transport?.say(label, message) ?? false;
  }

  #closed(transport: Transport): void {
    transport.close();
    for (const label of ["chat", "text"] as const) this.#options.onChannel(label, false);
  }

  /** What the own pictures may take. */
  lids({ camera, smaller = null, screen }: Lids): void {
    this.#transport?.setLids({ camera, smaller, screen });
  }

  /** The signaling has greeted; `again`: after a loss. */
  async signalingReady(again: boolean): Promise<void> {
    this.#ready = true;
    if (again && this.#transport) {
      // After a restart of the server its media is gone too; after a mere cut of the WebSocket packets still arrive.
      if (!(await this.#mediaLives())) this.#stale = true;
      this.#published = "";
    }
    this.#reconcile();
    this.#publish();
  }

  signalingLost(): void {
    this.#ready = false;
  }

  /** The network of this device changed. */
  networkChanged(): void {
    this.#options.probe();
    if (this.#transport) void this.#heal(true);
  }

  #holding(): boolean {
    const phase = this.#state?.phase;
    return phase === "waiting" || phase === "ringing" || phase === "calling" || phase === "in_call";
  }

  #inCall(): boolean {
    return this.#state?.phase === "in_call";
  }

  #reconcile(): void {
    if (!this.#holding()) {
      this.#drop();
      return;
    }
    const { step } = this.#options.media.get();
    const settled = step === "ready" || step === "failed";
    if (!this.#ready || !settled || this.#busy) return;
    if (!this.#transport || this.#stale) void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#busy = true;
    this.#stale = false;
    this.#cancelRetry?.();
    const transport: Transport = new Transport(this.#options.nextTransport(), this.#options.iceServers(), this.#options.media.get(), {
      onConnection: (state, ice) => this.#connectionChanged(transport, state, ice),
      onChannel: (label, open) => this.#transport === transport && this.#options.onChannel(label, open),
      onMessage: (label, message) => this.#transport === transport && this.#options.onMessage(label, message),
    });
    const old = this.#transport;
    this.#transport = transport;
    this.#answered = false;
    this.#published = "";
    this.#watch = new LineWatch(this.#options.clock.now());
    if (old) this.#closed(old);
    try {
      const reply = await this.#options.request({ type: "offer", transport: transport.number, sdp: await transport.offer() });
      if (this.#transport !== transport) return;
      if (reply.type !== "answer" || !(await transport.answer(reply.sdp))) throw new RequestError("bad_answer");
      this.#answered = true;
      this.set({ overloaded: false });
      this.#watch = new LineWatch(this.#options.clock.now());
      this.#cancelPathWait?.();
      this.#cancelPathWait = this.#options.clock.after(NO_PATH_MS, () => this.#transport === transport && this.#noPathYet());
      this.#admit();
      this.#publish();
      this.#poll();
    } catch (error) {
      if (this.#transport === transport) {
        this.#stale = true;
        const overloaded = error instanceof RequestError && error.code === "overloaded";
        this.set({ overloaded });
        this.#cancelRetry = this.#options.clock.after(overloaded ? OVERLOADED_MS * (1 + this.#options.clock.random()) : RETRY_MS, () => this.#reconcile());
      }
    } finally {
      this.#busy = false;
      // Let go of in the meantime, and perhaps taken again.
      if (!this.#holding() || !this.#transport) this.#reconcile();
    }
  }

  /** Same transport, new path. */
  async #restart(): Promise<void> {
    const transport = this.#transport;
    if (!transport || !this.#answered || this.#busy) return;
    if (!this.#ready) {
      this.#stale = true;
      return;
    }
    this.#busy = true;
    try {
      const reply = await this.#options.request({ type: "offer", transport: transport.number, sdp: await transport.offer(true) });
      if (this.#transport !== transport) return;
      if (reply.type !== "answer" || !(await transport.answer(reply.sdp))) this.#stale = true;
    } catch {
      this.#stale = true;
    } finally {
      this.#busy = false;
      this.#reconcile();
    }
  }

  /** Opens or shuts the encodings and shows who is on which section. */
  #admit(): void {
    const transport = this.#transport;
    if (transport && this.#answered) {
      transport.setLayers(this.#state?.layers === true);
      transport.setActive(this.#inCall());
    }
    const people = this.#state?.participants ?? [];
    const slots = this.#inCall() && transport && this.#answered ? (this.#state?.slots ?? []) : [];
    const seen = new Set<string>();
    const stream = (key: string, wanted: MediaStreamTrack[]) => {
      seen.add(key);
      let media = this.#streams.get(key);
      if (!media) this.#streams.set(key, (media = new MediaStream()));
      const have = media.getTracks();
      // While nothing better is there the last picture stays.
      if (wanted.length > 0 || !this.#inCall()) for (const track of have) if (!wanted.includes(track)) media.removeTrack(track);
      for (const track of wanted) if (!have.includes(track)) media.addTrack(track);
      return media;
    };
    const tracks = (participant: number, screen: boolean) =>
      slots.filter((slot) => slot.participant === participant && (slot.source === "screen") === screen)
        .map((slot) => transport?.trackOf(slot))
        .filter((track): track is MediaStreamTrack => track !== undefined);
    const shown = this.#inCall()
      ? people.map((person) => ({
          ...person,
          media: stream(`${person.participant}`, tracks(person.participant, false)),
          unseen: person.camera && slots.some((slot) => slot.participant === person.participant) && !slots.some((slot) => slot.participant === person.participant && slot.source === "camera"),
          screenMedia: person.screen ? stream(`${person.participant}s`, tracks(person.participant, true)) : undefined,
        }))
      : [];
    for (const key of [...this.#streams.keys()]) if (!seen.has(key)) this.#streams.delete(key);
    this.set({ people: shown });
  }

  #publish(): void {
    if (!this.#ready || !this.#answered || !this.#holding()) return;
    const { microphone, camera, screen, muted } = this.#options.media.get();
    const body = { type: "publish", microphone: microphone !== undefined && !muted, camera: camera !== undefined, screen: screen !== undefined } as const;
    const key = JSON.stringify(body);
    if (key === this.#published) return;
    this.#published = key;
    this.#options.request(body).catch(() => {
      if (this.#published === key) this.#published = "";
    });
  }

  #connectionChanged(transport: Transport, state: RTCPeerConnectionState, ice: RTCIceConnectionState): void {
    if (transport !== this.#transport) return;
    const connected = state === "connected";
    this.set(connected ? { connected, noMediaPath: false } : { connected });
    if (state === "failed") {
      // The browser gave up before we did.
      this.#noPathYet();
      this.#stale = true;
      this.#reconcile();
    } else if (ice === "disconnected") {
      void this.#heal(true);
    }
  }

  /** Only while the server itself is there: else that is what there is to say. */
  #noPathYet(): void {
    if (this.#ready && !this.get().connected) this.set({ noMediaPath: true });
  }

  #poll(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = this.#options.clock.after(POLL_MS, async () => {
      if (!this.#transport) return;
      if (this.#inCall()) {
        await this.#read();
        await this.#heal(false);
        await this.#hold();
      } else {
        // Silence is the rule while waiting; the watch starts afresh with the call.
        this.#watch = new LineWatch(this.#options.clock.now());
        if (this.get().interrupted) this.set({ interrupted: false });
      }
      this.#poll();
    });
  }

  async #read(): Promise<void> {
    const transport = this.#transport;
    if (!transport) return;
    const count = await transport.received();
    if (transport !== this.#transport) return;
    this.#watch.reading(count, this.#options.clock.now());
  }

  async #hold(): Promise<void> {
    const transport = this.#transport;
    if (!transport) return;
    const counted = await transport.counted();
    if (transport === this.#transport) transport.holdBack(this.#playout.reading(counted, this.#options.clock.now()));
  }

  /** Two looks a moment apart: one alone cannot tell the last packet of a dead server from a living line. */
  async #mediaLives(): Promise<boolean> {
    const transport = this.#transport;
    if (!transport || !this.#inCall() || this.#watch.silentMs(this.#options.clock.now()) > SURELY_DEAD_MS) return false;
    const before = await transport.received();
    await new Promise<void>((done) => this.#options.clock.after(SIGN_OF_LIFE_MS, done));
    return (await transport.received()) > before;
  }

  async #heal(suspected: boolean): Promise<void> {
    const now = this.#options.clock.now();
    const expects = this.#inCall() && this.#answered && this.#expectsMedia();
    if (expects && this.#watch.silentMs(now) > SUSPICIOUS_MS) this.#options.probe();
    const interrupted = expects && this.#watch.silentMs(now) > SILENCE_SHOWN_MS;
    if (interrupted !== this.get().interrupted) this.set({ interrupted });
    if (!expects && !suspected) return;
    switch (this.#watch.remedy(now, suspected)) {
      case "none": return;
      case "restart":
        this.#options.probe();
        return this.#restart();
      case "replace":
        this.#options.probe();
        this.#stale = true;
        this.#reconcile();
    }
  }

  /** Somebody sends to us, or we send and the server reports on it. */
  #expectsMedia(): boolean {
    const { microphone, camera } = this.#options.media.get();
    return microphone !== undefined || camera !== undefined
      || (this.#state?.participants ?? []).some((person) => person.presence === "here" && (person.microphone || person.camera));
  }

  #drop(): void {
    this.#cancelPoll?.();
    this.#cancelRetry?.();
    this.#cancelPathWait?.();
    this.#stale = false;
    this.#published = "";
    this.#answered = false;
    if (this.#transport) {
      const transport = this.#transport;
      this.#transport = undefined;
      this.#closed(transport);
      this.#streams.clear();
      this.set({ people: [], interrupted: false, connected: false, noMediaPath: false, overloaded: false, uplink: "good", downlink: "good" });
    }
  }
}

/** Shorter dropouts are not worth a word. */
const SILENCE_SHOWN_MS = 2_000;
