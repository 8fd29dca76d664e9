// Reading and grouping the messages of protocol.ts. Knows no socket and no screen.

import type { AgentMessage, ChatPush, ChatState, CitizenMessage, Desk, GuestMessage, Lids, QualityReport, ServerMessage, State, TextPush } from "./protocol";

export type Pushed = State | Desk | QualityReport | Lids | ChatPush | ChatState | TextPush;
export type Reply = Exclude<ServerMessage, Pushed>;

type WithoutNumber<T> = T extends { id: number } ? Omit<T, "id"> : never;
/** A request before it has its number. */
export type Request = WithoutNumber<CitizenMessage | GuestMessage | AgentMessage>;

/** Reads one text frame; undefined for anything that is not a message of this protocol. Unknown types are for newer pages. */
export function parseServerMessage(text: string): ServerMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const message = value as Record<string, unknown>;
  switch (message["type"]) {
    case "state": return typeof message["phase"] === "string" && typeof message["appointment"] === "string" ? (value as State) : undefined;
    case "desk": return Array.isArray(message["rows"]) ? (value as Desk) : undefined;
    case "quality": return value as QualityReport;
    case "lids": return value as Lids;
    case "chat": return Array.isArray(message["messages"]) ? (value as ChatPush) : undefined;
    case "chat_state": return Array.isArray(message["typing"]) ? (value as ChatState) : undefined;
    case "text": return typeof message["block"] === "string" ? (value as TextPush) : undefined;
    case "welcome": case "said": case "chat_page": case "ok": case "answer": case "invited": case "error": case "pong":
      return typeof message["re"] === "number" ? (value as Reply) : undefined;
    default: return undefined;
  }
}
