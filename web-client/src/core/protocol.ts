// The wire of docs/protocol.md, version 1: what the server sends and understands. Holds types and a few numbers, no behaviour.

/** 32 hex digits. */
export type AppointmentId = string;
/** 16 bytes, base64url without padding (22 characters); kept by the page over a reload (sessionStorage). */
export type DeviceId = string;
/** RFC 3339 in UTC with milliseconds. */
export type Utc = string;
/** The number of a person in a consultation; the citizen is always 0. */
export type ParticipantId = number;

export const VERSION = 1;
export const SUBPROTOCOL = "visavis.v1";

export type Outcome = "done" | "follow_up" | "not_served";
export type Source = "microphone" | "camera" | "screen";
export type Role = "citizen" | "agent" | "guest";
/** As what a third person takes part. */
export type GuestKind = "interpreter" | "relative" | "companion" | "expert" | "other";
export type GuestState = "invited" | "knocking" | "in_call" | "left";
export type Presence = "here" | "away";
export type RowState = "expected" | "waiting" | "ringing" | "in_call" | "left";
export type Quality = "good" | "fair" | "poor" | "lost";
export type LinkPhase = "too_early" | "open" | "late" | "over" | "documents" | "erased" | "missed" | "cancelled";
/** How sure an identity provider is of who somebody is (eIDAS). */
export type Assurance = "low" | "substantial" | "high";
/** Of whom a copy of the identity card is asked. */
export type IdentityCheck = "always" | "unauthenticated" | "never";
export type IdentityResult = "matches" | "does_not_match" | "not_needed";
/** By the copy that was handed in, by a card held into the camera, not at all. */
export type IdentityMethod = "copy" | "card_shown" | "none";
export type DocumentKind = "identity_copy" | "document";

export type Phase =
  | "too_early" | "late" | "open" | "elsewhere" | "waiting" | "ringing" | "calling" | "in_call"
  | "left" | "closed" | "missed" | "cancelled" | "put_back" | "unanswered" | "declined";

export type ErrorCode =
  | "bad_message" | "unsupported_version" | "wrong_state" | "unknown_appointment" | "internal"
  | "too_early" | "late" | "elsewhere" | "closed" | "call_gone" | "bad_offer" | "not_seated"
  | "not_waiting" | "taken" | "busy" | "overloaded" | "not_in_call" | "not_agreed" | "unknown_guest" | "name_taken" | "chat_full"
  | "wrong_key" | "invalid_appointment" | "key_reused" | "slot_taken" | "too_many" | "unknown_link" | "link_replaced" | "slow_down"
  | "not_signed_in" | "wrong_credentials" | "code_needed" | "wrong_code" | "second_factor_missing"
  | "sign_in_failed" | "sign_in_refused" | "not_assured" | "provider_unreachable" | "other_person" | "forbidden" | "not_found" | "too_large"
  | "too_many_documents" | "unfit_document" | "unknown_document" | "no_space";

export const Close = {
  Normal: 1000,
  /** The server stops: reconnect at once, then each second with jitter. */
  GoingAway: 1001,
  /** A limit or rule was broken: do not reconnect by yourself. */
  Policy: 1008,
  /** Overloaded: reconnect after 2–5 s. */
  TryAgainLater: 1013,
  /** The cookie is no longer good: ask for the link or sign-in again. */
  CredentialEnded: 4001,
  /** A newer socket of the same device replaced this one: do not reconnect. */
  Replaced: 4002,
} as const;

// ---- client → server ----

interface Publishing { microphone: boolean; camera: boolean; screen: boolean }

/** A message of either role before any other, and the heartbeat. */
export type Opening =
  | { type: "hello"; id: number; version: number; device: DeviceId }
  | { type: "ping"; id: number };

/** What people write to each other; alike for everybody, but that an agent names the appointment. By socket, or on the data channel `chat`. */
export type TalkMessage =
  | { type: "chat"; id: number; message: string; text: string }
  | { type: "chat_since"; id: number; after: number }
  | { type: "chat_seen"; id: number; number: number }
  | { type: "chat_typing"; id: number; typing: boolean }
  /** A block of real-time text, where there is no data channel `text`. */
  | { type: "text"; id: number; block: string };

export type CitizenMessage =
  | Opening
  | TalkMessage
  | { type: "arrive" | "take_over" | "leave" | "return"; id: number }
  | { type: "accept" | "decline"; id: number; call: number }
  | { type: "agree"; id: number; guest: number; agreed: boolean }
  | { type: "offer"; id: number; transport: number; sdp: string }
  | ({ type: "publish"; id: number } & Publishing);

export type GuestMessage =
  | Opening
  | TalkMessage
  | { type: "knock"; id: number; name: string }
  | { type: "take_over" | "leave" | "return"; id: number }
  | { type: "offer"; id: number; transport: number; sdp: string }
  | ({ type: "publish"; id: number } & Publishing);

export type AgentMessage =
  | Opening
  | (TalkMessage & { appointment: AppointmentId })
  | { type: "call" | "cancel_call" | "return" | "put_back" | "leave" | "take_over"; id: number; appointment: AppointmentId }
  | { type: "invite"; id: number; appointment: AppointmentId; kind: GuestKind; name: string; direct: boolean }
  | { type: "revoke" | "let_in" | "put_back_guest"; id: number; appointment: AppointmentId; guest: number }
  | { type: "remove"; id: number; appointment: AppointmentId; participant: ParticipantId }
  | { type: "close"; id: number; appointment: AppointmentId; outcome: Outcome }
  | { type: "notify"; id: number; appointment: AppointmentId; text: string }
  | { type: "offer"; id: number; appointment: AppointmentId; transport: number; sdp: string }
  | ({ type: "publish"; id: number; appointment: AppointmentId } & Publishing);

// ---- server → client ----

export interface Notice { text: string; at: Utc }
export interface Waiting { place: number; since: Utc; messages: Notice[] }
/** `from` is absent towards the agent who calls. */
export interface Call { number: number; from?: string; rings_until: Utc }
/** `kind` only of a guest. */
export interface Participant extends Publishing { participant: ParticipantId; role: Role; kind?: GuestKind; name: string; presence: Presence }
/** A third person who was invited; `agreed` null: the citizen has not answered yet. */
export interface Guest { guest: number; kind: GuestKind; name: string; state: GuestState; agreed: boolean | null; direct: boolean; participant?: ParticipantId; presence: Presence }
export interface Slot { mid: string; participant: ParticipantId; source: Source }

export interface State {
  type: "state";
  revision: number;
  appointment: AppointmentId;
  reference: string;
  phase: Phase;
  you: ParticipantId;
  /** Only in `waiting` and `ringing`. */
  waiting?: Waiting;
  /** Only in `ringing` and `calling`. */
  call?: Call;
  /** The others. */
  participants: Participant[];
  /** Only in `in_call`; a mid that is not listed has nobody on it. */
  slots: Slot[];
  /** Several people watch: every encoding of the camera is wanted. */
  layers?: boolean;
  /** For citizen and agents in `in_call`; absent when nobody was invited. */
  guests?: Guest[];
  start: Utc;
  end: Utc;
}

export interface DeskRow {
  appointment: AppointmentId;
  reference: string;
  name: string;
  state: RowState;
  presence: Presence;
  since: Utc | null;
  start: Utc;
  end: Utc;
  language: string;
  /** Key of the topic, when the booking named one. */
  topic?: string;
  note?: string;
  /** How sure an identity provider was of who the citizen is; absent when it was not asked. */
  assurance?: Assurance;
  /** The name that it vouches for, where it is not that of the booking. */
  vouched_name?: string;
  service: string;
  agent: string | null;
}

export type CallbackReason = "no_slot" | "no_video" | "missed" | "question" | "other";
/** Somebody who wants to be called back. */
export interface CallbackRow {
  /** 32 hex digits. */
  callback: string;
  service: string;
  name: string;
  phone: string;
  reason: CallbackReason;
  words: string;
  reference?: string;
  start: Utc;
  end: Utc;
  language: string;
  done: boolean;
}

/** `callbacks`: who waits by their time, then those done last; absent when there are none. */
export interface Desk { type: "desk"; revision: number; rows: DeskRow[]; callbacks?: CallbackRow[] }
/** What the own pictures may take, in bits a second with all headers: 0 while nobody can receive one, null without a lid. */
export interface Lids { type: "lids"; appointment: AppointmentId; camera: number | null; smaller?: number | null; screen: number | null }
/** `number` grows, with gaps for who may not read everything; `message` is its author's page's. */
export interface ChatMessage { number: number; message: string; role: Role; name: string; you: boolean; text: string; at: Utc }
export interface ChatPush { type: "chat"; appointment: AppointmentId; messages: ChatMessage[] }
/** `open`: may write. `last`: the last number that there is to read. `seen`: up to which the other side has seen everything. */
export interface ChatState { type: "chat_state"; appointment: AppointmentId; open: boolean; last: number; seen: number; typing: ParticipantId[] }
export interface TextPush { type: "text"; appointment: AppointmentId; block: string }
export interface QualityReport { type: "quality"; appointment: AppointmentId; uplink: Quality; downlink: Quality }

/** TURN over TLS at the host and port of this page. */
export interface Relay { username: string; credential: string }

export type ServerMessage =
  | { type: "welcome"; re: number; version: number; server_time: Utc; heartbeat_ms: number; relay?: Relay }
  | { type: "pong"; re: number }
  | { type: "ok"; re: number }
  | { type: "answer"; re: number; sdp: string }
  /** `qr`: rows of 0 and 1 (dark). `mail`: the link is sent by mail too. */
  | { type: "invited"; re: number; guest: number; url: string; qr: string[] }
  | { type: "said"; re: number; number: number; at: Utc }
  | { type: "chat_page"; re: number; messages: ChatMessage[]; more: boolean }
  | { type: "error"; re: number; code: ErrorCode; message: string }
  | ChatPush
  | ChatState
  | TextPush
  | State
  | Desk
  | QualityReport
  | Lids;

// ---- HTTP ----

/** What was said after the number in the question; nothing when that is all. */
export interface Chat { messages: ChatMessage[] }

export interface FreeSlot { start: Utc; end: Utc; places: number }
/** `free`: with `slot_taken`, the next slots. */
export interface ErrorBody { error: { code: ErrorCode; message: string; free?: FreeSlot[] } }
export interface Link {
  reference: string;
  phase: LinkPhase;
  name: string;
  /** Of a guest's link. */
  guest?: GuestKind;
  service: { key: string; name: string; helpdesk_phone: string; public_booking: boolean; book_ahead_days: number };
  start: Utc;
  end: Utc;
  opens: Utc;
  time_zone: string;
  language: string;
  /** When everything of the appointment is destroyed; absent while somebody is there, and once it is. */
  kept_until?: Utc;
  /** In the phase `erased`, where `reference` and `name` are empty. */
  receipt?: Receipt;
  server_time: Utc;
  /** What an identity provider must still vouch for before the citizen may join. */
  step_up?: Assurance;
  /** Of a cancelled one. */
  cancelled?: { by_service: boolean; reason?: string };
}
/** What the cancel link shows: it lets nobody in and names nobody. */
export interface CancelLink {
  reference: string;
  phase: LinkPhase;
  can_cancel: boolean;
  service: Link["service"];
  start: Utc;
  end: Utc;
  time_zone: string;
  language: string;
}
/** That an appointment's data was destroyed; names nobody. `hash`: 64 hex digits. */
export interface Receipt { erased: Utc; asked: boolean; documents: number; line: number; hash: string }
export interface DocumentEntry { id: string; kind: DocumentKind; name: string; media_type: string; bytes: number; added: Utc }
/** `may_change`: more can be sent, and these be taken back, now. */
export interface Documents { may_change: boolean; count_left: number; bytes_left: number; documents: DocumentEntry[]; identity?: Identity }
/** What an agent saw of an identity card: a person's look, no proof. `by` is absent when the account is gone. */
export interface Identity { method: IdentityMethod; result: IdentityResult; by?: string; at: Utc }
export interface SaidOfIdentity { result: IdentityResult }
type Texts = Partial<Record<string, string>>;
type Lists = Partial<Record<string, string[]>>;
/** Texts by language; English stands in for those that are not said. */
export interface BookableTopic { key: string; names: Texts; by_video: boolean; instead?: Texts; notice?: Texts; required?: Lists; helpful?: Lists }
export interface BookableService {
  key: string;
  names: Texts;
  helpdesk_phone: string;
  time_zone: string;
  slot_minutes: number;
  book_ahead_days: number;
  public_booking: boolean;
  identity_check: IdentityCheck;
  /** Documents of one appointment, the copy of the identity card included, and their bytes in all. */
  document_count: number;
  document_bytes: number;
  topics: BookableTopic[];
}
/** `authentication`: citizens can sign in at an identity provider. */
export interface Services { services: BookableService[]; authentication: boolean }
/** `full_days`: days of the service's zone with slots of which none is free. */
export interface Slots { slots: FreeSlot[]; full_days?: string[] }
/** `attempt`: 43 characters of base64url; sent again, it books nothing more. */
export interface NewBooking { service: string; topic: string; start: string; name: string; email: string; phone?: string; note?: string; language: string; consent: boolean; attempt?: string; authenticated?: boolean }
/** `qr`: rows of 0 and 1 (dark). */
export interface Booking { reference: string; start: Utc; end: Utc; join_url: string; qr: string[]; mail: boolean }
export interface NewStart { start: string }
export interface NewCallback { service: string; reason: CallbackReason; words?: string; start: string; name: string; phone: string; email?: string; language: string; consent: boolean; about_appointment?: boolean }
export interface CallbackTime { start: Utc; end: Utc }
/** `mail`: it is confirmed by mail. `callback`: told to portals alone. */
export type CallbackAsked = CallbackTime & { callback?: string; mail?: boolean };
export interface CallbackTimes { times: CallbackTime[] }
export interface CallbackDone { done: boolean }
export interface AgentAccount { name: string; roles: ("agent" | "supervisor")[]; language: string }
export interface SignIn { username: string; password: string; code?: string }
/** To which page a citizen comes back from the identity provider. */
export type ComeBack = "book" | "mine" | "join";
export interface SignInBegin { to: ComeBack; language: string }
export interface StaffSignInBegin { language: string }
export interface SignInAt { url: string }
/** What the provider gave the browser. */
export interface SignInEnd { state: string; code?: string; error?: string; iss?: string }
export interface SignedIn { to: ComeBack }
/** The citizen as the provider vouches for them. */
export interface Me { name: string; email?: string; phone?: string; assurance: Assurance; ends_within_s: number }
export interface MyAppointment {
  reference: string;
  phase: LinkPhase;
  service: Link["service"];
  start: Utc;
  end: Utc;
  time_zone: string;
  can_cancel: boolean;
  can_move: boolean;
}
export interface MyAppointments { appointments: MyAppointment[] }
export interface SecondFactorAsk { username: string; password: string }
/** `qr`: rows of 0 and 1 (dark). `setup` is sent back. */
export interface SecondFactorOffer { secret: string; uri: string; qr: string[]; setup: string }
export interface SecondFactorConfirm { username: string; password: string; setup: string; code: string }
export interface SecondFactorSet { recovery_codes: string[]; account: AgentAccount }
/** Which ways in there are for the staff. */
export interface WaysIn { provider: boolean }
