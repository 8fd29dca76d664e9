// What the server says and hears, as docs/protocol.md writes it. Knows no socket and no screen.

export type Phase =
  | "too_early" | "late" | "open" | "elsewhere" | "waiting" | "ringing" | "in_call" | "left" | "closed" | "missed"
  | "calling" | "put_back" | "unanswered" | "declined";

export type LinkPhase = "too_early" | "open" | "late" | "over" | "missed";
export type Source = "microphone" | "camera" | "screen";
export type LineWord = "good" | "fair" | "poor" | "lost";
export type Outcome = "done" | "follow_up" | "not_served";

/** Answer of POST /join and GET /link. */
export interface Link {
  reference: string;
  phase: LinkPhase;
  name: string;
  service: { name: string; helpdesk_phone: string };
  start: string;
  end: string;
  opens: string;
  time_zone: string;
  language: string;
  server_time: string;
}

/** Answer of the agent's sign-in. */
export interface AgentAccount {
  name: string;
  roles: string[];
  language: string;
}

export interface Participant {
  participant: number;
  role: "citizen" | "agent" | "guest";
  name: string;
  presence: "here" | "away";
  microphone: boolean;
  camera: boolean;
  screen: boolean;
}

export interface Slot {
  mid: string;
  participant: number;
  source: Source;
}

export interface StateMessage {
  type: "state";
  revision: number;
  appointment: string;
  reference: string;
  phase: Phase;
  you?: number;
  waiting?: { place: number; since: string; messages: { text: string; at: string }[] };
  call?: { number: number; from?: string; rings_until: string };
  participants?: Participant[];
  slots?: Slot[];
  start?: string;
  end?: string;
}

export interface DeskRow {
  appointment: string;
  reference: string;
  name: string;
  state: "expected" | "waiting" | "ringing" | "in_call" | "left";
  presence: "here" | "away";
  since?: string | null;
  start: string;
  end: string;
  language: string;
  agent?: string | null;
}

export interface DeskMessage {
  type: "desk";
  revision: number;
  rows: DeskRow[];
}

export interface QualityMessage {
  type: "quality";
  appointment: string;
  uplink: LineWord;
  downlink: LineWord;
}

export type Pushed = StateMessage | DeskMessage | QualityMessage;

export interface Welcome { type: "welcome"; re: number; version: number; server_time: string; heartbeat_ms: number }
export interface Ok { type: "ok"; re: number }
export interface SdpAnswer { type: "answer"; re: number; sdp: string }
export interface Refusal { type: "error"; re: number; code: string; message: string }
export type Reply = Welcome | Ok | SdpAnswer | Refusal | { type: "pong"; re: number };
export type ServerMessage = Pushed | Reply;

/** A request without its number. */
export type Request =
  | { type: "arrive" | "take_over" | "leave" | "return" | "cancel_call" | "put_back" | "call"; appointment?: string }
  | { type: "accept" | "decline"; call: number }
  | { type: "offer"; transport: number; sdp: string; appointment?: string }
  | { type: "publish"; microphone: boolean; camera: boolean; screen: boolean; appointment?: string }
  | { type: "close"; appointment: string; outcome: Outcome }
  | { type: "notify"; appointment: string; text: string }
  | { type: "remove"; appointment: string; participant: number };

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "visavis.v1";

/** Reads one text frame; undefined for anything that is not a message of this protocol. Unknown types are for newer pages. */
export function parseServerMessage(text: string): ServerMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { type, re } = value as { type?: unknown; re?: unknown };
  switch (type) {
    case "state": return typeof (value as StateMessage).phase === "string" ? (value as StateMessage) : undefined;
    case "desk": return Array.isArray((value as DeskMessage).rows) ? (value as DeskMessage) : undefined;
    case "quality": return value as QualityMessage;
    case "welcome": case "ok": case "answer": case "error": case "pong":
      return typeof re === "number" ? (value as Reply) : undefined;
    default: return undefined;
  }
}
