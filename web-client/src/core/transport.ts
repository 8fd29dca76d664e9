// One peer connection with the server: the sections of the offer, the answer, and which section carries whom.
// Knows no consultation; sends nothing before `setActive(true)`.

import { encodingUnder, layersUnder, type Encoding } from "./encoding";
import type { Counted } from "./playout";
import type { Relay, Slot } from "./protocol";

export interface OwnTracks {
  microphone?: MediaStreamTrack;
  camera?: MediaStreamTrack;
  screen?: MediaStreamTrack;
}

/** Bits a second without headers. */
const MOST = { microphone: 48_000, camera: 1_800_000, screen: 2_500_000 };
/** The camera's encodings from the smallest up (RFC 8853); with two people the last one alone is sent. Two: of a camera of 640 × 360 Chromium sends no third. */
const CAMERA_LAYERS = [
  { rid: "s", scaleResolutionDownBy: 3, maxBitrate: 160_000 },
  { rid: "l", scaleResolutionDownBy: 1, maxBitrate: MOST.camera },
];
/** Bytes waiting on a data channel from which on the WebSocket is the better way. */
const CHANNEL_FULL = 256 * 1024;
/** Receiving pairs: docs/protocol.md "Media". */
const OTHERS = 3;

/** Bits a second with all headers that each picture may take: 0 while nobody can receive it, null without a lid. */
export interface PictureLids {
  camera: number | null;
  /** Each smaller encoding of the camera. */
  smaller: number | null;
  screen: number | null;
}

/** The relay at the host and port of this page; nothing where there is none, or no TLS. */
export function iceServersOf(relay: Relay | undefined, page: { protocol: string; hostname: string; port: string }): RTCIceServer[] {
  if (!relay || page.protocol !== "https:") return [];
  return [{ urls: `turns:${page.hostname}:${page.port || "443"}?transport=tcp`, username: relay.username, credential: relay.credential }];
}

/** Data channels with a meaning (docs/protocol.md). */
export type ChannelLabel = "chat" | "text";

export interface TransportEvents {
  onConnection(state: RTCPeerConnectionState, ice: RTCIceConnectionState): void;
  /** A data channel opened, or is gone. */
  onChannel(label: ChannelLabel, open: boolean): void;
  onMessage(label: ChannelLabel, message: string): void;
}

export class Transport {
  readonly pc: RTCPeerConnection;
  #senders: { microphone: RTCRtpTransceiver; camera: RTCRtpTransceiver; screen: RTCRtpTransceiver };
  #active = false;
  #layers = false;
  #lids: PictureLids = { camera: null, smaller: null, screen: null };
  #tracks: OwnTracks;
  #channels = new Map<ChannelLabel, RTCDataChannel>();
  #fingerprint: string | undefined;
  #closed: () => void = () => undefined;
  /** Fails when this transport is closed. */
  #end = new Promise<never>((_, failed) => { this.#closed = () => failed(new Error("closed")); });
  /** One change of encodings or track at a time for each sender; browsers refuse two. */
  #turns = new Map<RTCRtpSender, Promise<unknown>>();

  constructor(readonly number: number, iceServers: RTCIceServer[], tracks: OwnTracks, events: TransportEvents) {
    this.#tracks = tracks;
    this.#end.catch(() => undefined); // nobody may be waiting
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers });
    this.pc = pc;
    const sending = (track: MediaStreamTrack | undefined, kind: "audio" | "video", encodings: RTCRtpEncodingParameters[]) => {
      const priority = kind === "audio" ? "high" : "low";
      return pc.addTransceiver(track ?? kind, { direction: "sendonly", sendEncodings: encodings.map((encoding) => ({ ...encoding, active: false, priority, networkPriority: priority })) });
    };
    this.#senders = {
      microphone: sending(undefined, "audio", [{ maxBitrate: MOST.microphone }]),
      camera: sending(tracks.camera, "video", CAMERA_LAYERS),
      screen: sending(tracks.screen, "video", [{ maxBitrate: MOST.screen }]),
    };
    for (let other = 0; other < OTHERS; other++) {
      pc.addTransceiver("audio", { direction: "recvonly" });
      pc.addTransceiver("video", { direction: "recvonly" });
    }
    pc.addTransceiver("video", { direction: "recvonly" });
    for (const label of ["chat", "text"] as const) {
      const channel = pc.createDataChannel(label, label === "text" ? { protocol: "t140" } : undefined);
      this.#channels.set(label, channel);
      channel.onopen = () => events.onChannel(label, true);
      channel.onclose = () => events.onChannel(label, false);
      channel.onmessage = ({ data }) => typeof data === "string" && events.onMessage(label, data);
    }
    const tell = () => events.onConnection(pc.connectionState, pc.iceConnectionState);
    pc.onconnectionstatechange = tell;
    pc.oniceconnectionstatechange = tell;
  }

  /** The offer goes out without waiting for candidates: the server is ICE-lite and needs none. */
  async offer(restart = false): Promise<string> {
    const offer = await this.#whileOpen(this.pc.createOffer({ iceRestart: restart }));
    await this.#whileOpen(this.pc.setLocalDescription(offer));
    return offer.sdp ?? "";
  }

  /** False when the answer is of another server process: this peer connection cannot go on with it. */
  async answer(sdp: string): Promise<boolean> {
    const fingerprint = /^a=fingerprint:\S+ (\S+)/m.exec(sdp)?.[1]?.toUpperCase();
    if (this.#fingerprint !== undefined && fingerprint !== this.#fingerprint) return false;
    this.#fingerprint = fingerprint;
    await this.#whileOpen(this.pc.setRemoteDescription({ type: "answer", sdp }));
    return true;
  }

  /** Opens or shuts everything this person sends. */
  setActive(active: boolean): void {
    if (this.#active === active) return;
    this.#active = active;
    // The camera first: its encoder is what takes longest to start.
    for (const kind of ["camera", "microphone", "screen"] as const) this.#fit(kind);
  }

  /** Every encoding of the camera, or the best alone. */
  setLayers(all: boolean): void {
    if (this.#layers === all) return;
    this.#layers = all;
    this.#fit("camera");
  }

  /** What the pictures may take from now on. */
  setLids(lids: PictureLids): void {
    this.#lids = lids;
    for (const kind of ["camera", "screen"] as const) this.#fit(kind);
  }

  setTracks(tracks: OwnTracks): void {
    this.#tracks = tracks;
    for (const kind of ["microphone", "camera", "screen"] as const) this.#fit(kind);
  }

  /** Brings a sender to what is wanted by then. */
  #fit(kind: keyof OwnTracks): void {
    const { sender } = this.#senders[kind];
    this.#then(sender, async () => {
      // Firefox sends sound from an inactive encoding: before the admission the microphone is not there at all.
      const track = (kind === "microphone" && !this.#active ? undefined : this.#tracks[kind]) ?? null;
      if (sender.track !== track) await sender.replaceTrack(track);
      await this.#open(kind, sender);
    });
  }

  /** What has no track has nothing to open: at the admission every change of a sender costs time. */
  async #open(kind: keyof OwnTracks, sender: RTCRtpSender): Promise<void> {
    const parameters = sender.getParameters();
    const wanted = this.#wanted(kind, sender, parameters.encodings);
    const same = (encoding: RTCRtpEncodingParameters, { active, maxBitrate, scaleResolutionDownBy }: Encoding) =>
      encoding.active === active && encoding.maxBitrate === maxBitrate && (kind !== "camera" || (encoding.scaleResolutionDownBy ?? 1) === scaleResolutionDownBy);
    if (parameters.encodings.every((encoding, at) => same(encoding, wanted[at]!))) return;
    parameters.encodings.forEach((encoding, at) => {
      const { active, maxBitrate, scaleResolutionDownBy } = wanted[at]!;
      Object.assign(encoding, { active, maxBitrate }, kind === "camera" ? { scaleResolutionDownBy } : {});
    });
    await sender.setParameters(parameters);
  }

  #wanted(kind: keyof OwnTracks, sender: RTCRtpSender, encodings: RTCRtpEncodingParameters[]): Encoding[] {
    const open = this.#active && sender.track !== null;
    const now = encodings.map(({ active = false, maxBitrate = MOST[kind], scaleResolutionDownBy = 1 }) => ({ active, maxBitrate, scaleResolutionDownBy }));
    if (!open || kind === "microphone") return now.map((encoding) => ({ ...encoding, active: open }));
    const lid = this.#lids[kind];
    const last = encodings.length - 1;
    if (kind === "camera" && this.#layers && last > 0) return layersUnder(lid, this.#lids.smaller, CAMERA_LAYERS);
    return now.map((encoding, at) => (at === last ? encodingUnder(lid, MOST[kind]) : { ...encoding, active: false }));
  }

  /** Whether a channel is open and not full. */
  hears(label: ChannelLabel): boolean {
    const channel = this.#channels.get(label);
    return channel?.readyState === "open" && channel.bufferedAmount <= CHANNEL_FULL;
  }

  /** Sends on a data channel; false when it is not open, or holds too much already. */
  say(label: ChannelLabel, message: string): boolean {
    if (!this.hears(label)) return false;
    try {
      this.#channels.get(label)!.send(message);
      return true;
    } catch {
      return false; // closed a moment ago
    }
  }

  /** The receiving track of a slot, once the answer is set. */
  trackOf(slot: Slot): MediaStreamTrack | undefined {
    return this.pc.getTransceivers().find((transceiver) => transceiver.mid === slot.mid)?.receiver.track;
  }

  /** Everything that ever came in on this transport, as one growing number. */
  async received(): Promise<number> {
    let sum = 0;
    const report = await this.pc.getStats().catch(() => undefined);
    report?.forEach((stat: Record<string, unknown>) => {
      const count = (name: string) => (typeof stat[name] === "number" ? (stat[name] as number) : 0);
      if (stat["type"] === "inbound-rtp") sum += count("packetsReceived");
      else if (stat["type"] === "transport") sum += count("packetsReceived");
      else if (stat["type"] === "candidate-pair") sum += count("bytesReceived") + count("responsesReceived");
    });
    return sum;
  }

  /** How often this browser asked for lost packets of pictures, and how often one froze: growing numbers. */
  async counted(): Promise<Counted> {
    const sum = { questions: 0, freezes: 0 };
    const report = await this.pc.getStats().catch(() => undefined);
    report?.forEach((stat: Record<string, unknown>) => {
      if (stat["type"] !== "inbound-rtp") return;
      if (typeof stat["nackCount"] === "number") sum.questions += stat["nackCount"];
      if (typeof stat["freezeCount"] === "number") sum.freezes += stat["freezeCount"];
    });
    return sum;
  }

  /** Holds received pictures and sound back by this much, both alike so that lips stay in sync; `null`: as the browser likes. */
  holdBack(ms: number | null): void {
    for (const receiver of this.pc.getReceivers() as (RTCRtpReceiver & { jitterBufferTarget?: number | null })[]) {
      if ("jitterBufferTarget" in receiver && receiver.jitterBufferTarget !== ms) receiver.jitterBufferTarget = ms;
    }
  }

  close(): void {
    this.pc.onconnectionstatechange = null;
    for (const channel of this.#channels.values()) channel.onopen = channel.onclose = channel.onmessage = null;
    this.pc.oniceconnectionstatechange = null;
    this.pc.close();
    this.#closed();
  }

  /** A closed peer connection settles nothing any more (webrtc-pc §4.4.1.2): who waits for it hears so from here. */
  #whileOpen<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#end]);
  }

  #then(sender: RTCRtpSender, step: () => Promise<void>): void {
    const before = this.#turns.get(sender);
    this.#turns.set(sender, (before ? before.then(step) : step()).catch(() => undefined));
  }
}
