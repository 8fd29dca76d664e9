// Every screen in every state, with an example to show it by: what the gallery, the accessibility check and reviews look at.
// A new state is not done before it stands here.

import type { AgentState } from "../core/agent";
import type { BookingState } from "../core/booking";
import type { Draft } from "../core/booking-steps";
import type { CallbackState } from "../core/callback";
import type { CitizenState } from "../core/citizen";
import type { LocalMediaState } from "../core/local-media";
import type { BookableService, CallbackRow, CancelLink, DeskRow, DocumentEntry, FreeSlot, Guest, Link, Me, MyAppointment, Participant, Phase, State } from "../core/protocol";
import type { SeatState } from "../core/seat";
import type { SlotsState } from "../core/slot-finder";
import type { AgentActions, AgentView } from "./agent/view";
import { noDocuments, type DocumentsState } from "../core/documents";
import type { BookingActions, BookingView, CallbackActions, SlotActions } from "./book/view";
import type { CancelView } from "./cancel";
import type { MineView } from "./mine/mine-screen";
import type { CitizenActions, CitizenView, MediaActionsFull } from "./citizen/view";
import type { ChosenFile } from "../core/chosen-files";
import type { DocumentActions } from "./document-list";
import { Store } from "../core/store";
import { emptyChat, type ChatView } from "../core/chat";
import type { LiveTextState } from "../core/live-text";
import type { TalkView } from "./talk";

/** Moving pictures that stand in for cameras. */
export interface Pictures {
  self: MediaStream;
  citizen: MediaStream;
  agent: MediaStream;
  guest: MediaStream;
  screen: MediaStream;
}

export type Example =
  | { id: string; page: "citizen"; view(pictures: Pictures): CitizenView }
  | { id: string; page: "agent"; view(pictures: Pictures): AgentView }
  | { id: string; page: "book"; view(): BookingView }
  | { id: string; page: "cancel"; view(): CancelView }
  | { id: string; page: "mine"; view(): MineView }
  | { id: string; page: "landing"; booking?: boolean; mine?: boolean };

const NOW = Date.parse("2026-11-23T08:12:30.000Z");
const at = (minutes: number, seconds = 0) => new Date(NOW + minutes * 60_000 + seconds * 1_000).toISOString();
const nothing = () => undefined as never;
const later = async () => undefined as never;

const citizenActions: CitizenActions = {
  load: later, showWho: later, toCheck: nothing, toWelcome: nothing, arrive: later, takeOver: later, accept: later, decline: later, leave: later, comeBack: later, cancelAppointment: later, deleteEverything: later, toReschedule: nothing, choose: nothing, reschedule: later, toCallBack: nothing, back: nothing, knock: later, agree: later, useThisPage: nothing, clearNotice: nothing,
};
const documentsActions: DocumentActions = { load: later, send: nothing, cancel: nothing, remove: later, again: nothing };
const agentActions: AgentActions = {
  load: later, signIn: later, signInAtProvider: later, confirmSecondFactor: later, toDesk: nothing, signOut: later, call: later, comeBack: later, stopRinging: later, putBack: later, hangUp: later, takeOver: later, close: later, notify: later, setCallbackDone: later,
  invite: later, forgetInvited: nothing, lookForDocuments: later, lookAtCopy: later, putCopyAway: nothing, sayIdentity: later, letIn: later, putBackGuest: later, revoke: later, removeGuest: later,
  useThisPage: nothing, clearNotice: nothing, cancelPreparing: nothing,
};
const mediaActions: MediaActionsFull = {
  open: later, chooseCamera: later, chooseMicrophone: later, chooseSpeaker: nothing, canChooseSpeaker: true, canShareScreen: true,
  setMuted: nothing, setCameraOff: later, switchCamera: later, shareScreen: later, stopScreen: nothing,
};

const link: Link = {
  reference: "K7Q-4MX", phase: "open", name: "Clara Weber-Thill", service: { key: "advice", name: "Advice", helpdesk_phone: "+352 27 57 40 00", public_booking: true, book_ahead_days: 60 },
  start: at(7, 30), end: at(27, 30), opens: at(-7, -30), time_zone: "Europe/Luxembourg", language: "en", server_time: at(0),
};
const anna: Participant = { participant: 1, role: "agent", name: "Anna Agent", presence: "here", microphone: true, camera: true, screen: false };
const clara: Participant = { participant: 0, role: "citizen", name: "Clara Weber-Thill", presence: "here", microphone: true, camera: true, screen: false };

const bookingActions: BookingActions = { load: later, put: nothing, choose: later, takeOut: nothing, next: nothing, back: nothing, go: nothing, take: nothing, callBack: nothing, confirm: later, follow: later, another: nothing, authenticate: later, withoutAuthentication: nothing, signOut: later };
const slotActions: SlotActions = { again: later, later: later, earlier: later };
const callbackActions: CallbackActions = { load: later, put: nothing, send: later };

const service: BookableService = {
  key: "advice", names: { en: "Advice", fr: "Conseil", de: "Beratung", lb: "Berodung" }, helpdesk_phone: "+352 27 57 40 00", time_zone: "Europe/Luxembourg",
  slot_minutes: 20, book_ahead_days: 60, public_booking: true, identity_check: "unauthenticated", document_count: 15, document_bytes: 20_000_000,
  topics: [
    { key: "care", names: { en: "Long-term care insurance", fr: "Assurance dépendance", de: "Pflegeversicherung", lb: "Fleegeversécherung" }, by_video: true,
      notice: { en: "You get advice. Nothing is decided in the conversation." }, required: { en: ["Your social security card"] }, helpful: { en: ["The latest letter, if you have one"] } },
    { key: "cheques", names: { en: "Cheques and instant wire transfers" }, by_video: false, instead: { en: "Please come to one of our counters with your identity card and the original invoices." } },
    { key: "information", names: { en: "Information – documents" }, by_video: true },
  ],
};
const second: BookableService = { ...service, key: "teleconsultation", names: { en: "Medical teleconsultation", fr: "Téléconsultation", de: "Telekonsultation", lb: "Telekonsultatioun" } };
const slotAt = (minutes: number): FreeSlot => ({ start: at(minutes), end: at(minutes + 20), places: 2 });
const DAY = 24 * 60;
const someSlots: SlotsState = {
  loading: false, week: 0, none: false, isLast: false, next: slotAt(137.5),
  days: [
    { day: "2026-11-23", slots: [slotAt(137.5), slotAt(157.5), slotAt(177.5)] },
    { day: "2026-11-24", slots: [] },
    { day: "2026-11-25", slots: Array.from({ length: 9 }, (_, i) => slotAt(2 * DAY - 42.5 + 20 * i)) },
    { day: "2026-11-26", slots: [slotAt(3 * DAY - 42.5)] },
    { day: "2026-11-27", slots: Array.from({ length: 4 }, (_, i) => slotAt(4 * DAY + 257.5 + 20 * i)) },
  ],
};
const card: ChosenFile = { id: "card", kind: "identity_copy", name: "IMG_20261123_0931.jpg", size: 2_413_000 };
const letter: ChosenFile = { id: "letter", kind: "document", name: "Bescheid der Pflegeversicherung vom 12. Oktober.pdf", size: 182_000 };
const chosen = [card, letter, { ...letter, id: "bill", name: "Rechnung.png", size: 4_200_000 }];
const draft: Draft = {
  consent: true, topic: "care", slot: slotAt(2 * DAY - 42.5), name: "Clara Weber-Thill", email: "clara.weber@example.lu", phone: "+352 621 123 456",
  note: "It is about my mother.\nShe lives with us since May.", files: chosen, reviewed: true, attempt: "A".repeat(43),
};
const empty: Draft = { consent: false, name: "", email: "", phone: "", note: "", files: [], reviewed: false, attempt: "A".repeat(43) };
const times = [1, 2, 3].flatMap((day) => [{ start: at(day * DAY - 42.5), end: at(day * DAY + 137.5) }, { start: at(day * DAY + 227.5), end: at(day * DAY + 407.5) }]);
const wish: CallbackState = { service: "advice", zone: "Europe/Luxembourg", aboutAppointment: false, times, wish: { words: "", name: "", phone: "", email: "", consent: false }, missing: [], told: 0, busy: false };
const told: CallbackState = { ...wish, wish: { reason: "no_slot", words: "Only on Fridays.", start: times[0]!.start, name: "Clara Weber-Thill", phone: "+352 621 123 456", email: "jos@example.lu", consent: true } };

function booking(id: string, at: Partial<BookingState> & { step: BookingState["step"] }, more: { slots?: SlotsState; callback?: CallbackState; documents?: Partial<DocumentsState> } = {}): Example {
  return {
    id: `book-${id}`, page: "book",
    view: () => ({
      at: { services: [service], draft, faults: {}, incomplete: false, told: 0, busy: false, refused: [], ...at }, slots: more.slots ?? someSlots, callback: more.callback,
      documents: { ...noDocuments, ...more.documents }, documentsAct: documentsActions,
      act: bookingActions, slotsAct: slotActions, callbackAct: callbackActions,
    }),
  };
}

function state(phase: Phase, more: Partial<State> = {}): State {
  return {
    type: "state", revision: 7, appointment: "0".repeat(32), reference: link.reference, phase, you: 0, participants: [], slots: [], start: link.start, end: link.end,
    ...(phase === "waiting" || phase === "ringing" ? { waiting: { place: 1, since: at(-4), messages: [] } } : {}),
    ...(phase === "ringing" ? { call: { number: 1, from: anna.name, rings_until: at(0, 24) } } : {}),
    ...(phase === "calling" ? { call: { number: 1, rings_until: at(0, 24) } } : {}),
    ...more,
  };
}

function media(pictures: Pictures, more: Partial<LocalMediaState> = {}): LocalMediaState {
  return {
    step: "ready", muted: false, cameraOff: false, facesAway: false, preview: pictures.self, camera: pictures.self.getVideoTracks()[0], microphone: {} as MediaStreamTrack,
    cameras: [{ id: "a", label: "Integrated camera" }, { id: "b", label: "Document camera" }], microphones: [{ id: "c", label: "Headset" }],
    speakers: [{ id: "d", label: "Headset" }, { id: "e", label: "Loudspeaker" }], cameraId: "a", microphoneId: "c", ...more,
  };
}
const noMedia: LocalMediaState = { step: "idle", muted: false, cameraOff: false, facesAway: false, cameras: [], microphones: [], speakers: [] };
const noCamera = { camera: undefined, preview: undefined };

const emptySeat: SeatState = { people: [], interrupted: false, connected: true, noMediaPath: false, overloaded: false, uplink: "good", downlink: "good" };

interface TalkMore { chat?: Partial<ChatView>; live?: Partial<LiveTextState>; names?: Record<number, string> }

function talk({ chat, live, names = {} }: TalkMore = {}): TalkView {
  return {
    chat: new Store<ChatView>({ ...emptyChat, open: true, ...chat }), liveText: new Store<LiveTextState>({ draft: "", mine: [], others: [], ...live }), names, zone: link.time_zone,
    chatAct: { say: nothing, discard: nothing, typing: nothing, show: nothing }, textAct: { edit: nothing, newLine: nothing },
  };
}

interface CitizenMore {
  talk?: TalkMore;
  at?: Partial<CitizenState>;
  media?: LocalMediaState | ((pictures: Pictures) => LocalMediaState);
  seat?: (pictures: Pictures) => SeatState;
  dialog?: "cancel" | "erase";
  documents?: Partial<DocumentsState>;
  slots?: SlotsState;
  callback?: CallbackState;
}

function citizen(id: string, more: CitizenMore): Example {
  return {
    id, page: "citizen",
    view: (pictures) => ({
      at: { step: "welcome", link, line: "ready", busy: false, wasInCall: false, putBack: false, rangInVain: false, serverAheadMs: 0, ...more.at },
      media: typeof more.media === "function" ? more.media(pictures) : (more.media ?? media(pictures)),
      seat: more.seat?.(pictures) ?? emptySeat, documents: { ...noDocuments, ...more.documents }, documentsAct: documentsActions, act: citizenActions, mediaAct: mediaActions, slots: more.slots ?? someSlots, slotsAct: slotActions, callback: more.callback, callbackAct: callbackActions, talk: talk(more.talk), fixed: { now: NOW, level: 0.62, ...(more.dialog ? { dialog: more.dialog } : {}) },
    }),
  };
}

const cancelLink: CancelLink = {
  reference: link.reference, phase: "too_early", can_cancel: true, service: link.service, start: at(60 * 51), end: at(60 * 51 + 20), time_zone: link.time_zone, language: link.language,
};

function cancelling(id: string, of: Partial<CancelLink>, more: Partial<CancelView["at"]> = {}, asking = false): Example {
  return { id, page: "cancel", view: () => ({ at: { busy: false, link: { ...cancelLink, ...of }, ...more }, act: { load: later, cancel: later }, asking }) };
}

const me: Me = { name: "Clara Weber-Thill", email: "clara.weber@example.lu", phone: "+352 621 123 456", assurance: "substantial", ends_within_s: 3600 };
const ownOne: MyAppointment = { reference: link.reference, phase: "too_early", service: link.service, start: at(60 * 51), end: at(60 * 51 + 20), time_zone: link.time_zone, can_cancel: true, can_move: true };
const own: MyAppointment[] = [
  ownOne, { ...ownOne, reference: "M2C-9TA", phase: "open", start: at(7.5), end: at(27.5), can_move: false }, { ...ownOne, reference: "P4H-7WE", phase: "cancelled", start: at(-DAY), end: at(-DAY + 20), can_cancel: false, can_move: false },
];

function mine(id: string, of: Partial<MineView["at"]>, cancelling?: MyAppointment): Example {
  return { id, page: "mine", view: () => ({ at: { step: "signed_out", appointments: [], left: false, busy: false, ...of }, act: { load: later, signIn: later, signOut: later, open: later, cancel: later }, cancelling }) };
}

const row = (name: string, more: Partial<DeskRow>): DeskRow => ({
  appointment: name, reference: "K7Q-4MX", name, state: "waiting", presence: "here", since: at(-4), start: link.start, end: link.end, language: "fr", service: "advice", agent: null, ...more,
});
const rows: DeskRow[] = [
  row("Clara Weber-Thill", { appointment: "0".repeat(32), since: at(-9), language: "lb" }),
  row("Jean-Baptiste de la Fontaine", { since: at(-3), reference: "M2C-9TA", start: at(27, 30), end: at(47, 30), presence: "away" }),
  row("Maria Gonçalves", { since: at(0), reference: "P4H-7WE", start: at(27, 30), end: at(47, 30), state: "ringing", agent: "Tom Schmit" }),
  row("Nora Klein", { state: "in_call", agent: "Anna Agent", start: at(-12, -30), since: at(-12) }),
  row("Pit Muller", { state: "in_call", agent: null, start: at(-12, -30), since: at(-12) }),
  row("Lou Weis", { state: "in_call", agent: "Tom Schmit", start: at(-12, -30), since: at(-12) }),
  row("Sven Hoffmann", { state: "left", start: at(-32, -30), since: at(-30) }),
  row("Ines Pereira", { state: "expected", start: at(47, 30), since: null }),
];

const toldRows: DeskRow[] = rows.map((one, i) => (i === 0 ? { ...one, topic: "care", note: "It is about my mother. She lives with us since May." } : i === 7 ? { ...one, topic: "information" } : one));
const callbacks: CallbackRow[] = [
  { callback: "1".repeat(32), service: "advice", name: "Jos Thill", phone: "+352 621 770 770", reason: "no_slot", words: "Only on Fridays, after the market.", start: times[0]!.start, end: times[0]!.end, language: "lb", done: false },
  { callback: "2".repeat(32), service: "advice", name: "Maria Gonçalves", phone: "+352 691 000 111", reason: "missed", words: "", reference: "P4H-7WE", start: times[1]!.start, end: times[1]!.end, language: "fr", done: false },
  { callback: "3".repeat(32), service: "advice", name: "Lou Weis", phone: "27 57 40", reason: "question", words: "", start: times[0]!.start, end: times[0]!.end, language: "de", done: true },
];

interface AgentMore {
  talk?: TalkMore;
  at?: Partial<AgentState>;
  media?: (pictures: Pictures) => LocalMediaState;
  seat?: (pictures: Pictures) => SeatState;
  dialog?: "close" | "message" | "invite";
}

function agent(id: string, more: AgentMore): Example {
  return {
    id, page: "agent",
    view: (pictures) => ({
      at: { step: "desk", account: { name: "Anna Agent", roles: ["agent"], language: "en" }, line: "ready", rows: [], callbacks: [], services: [service], deskKnown: true, busy: false, serverAheadMs: 0, ...more.at },
      media: more.media?.(pictures) ?? noMedia,
      seat: more.seat?.(pictures) ?? emptySeat, talk: talk(more.talk), act: agentActions, mediaAct: mediaActions, fixed: { now: NOW, dialog: more.dialog },
    }),
  };
}

const inga: Participant = { participant: 2, role: "guest", kind: "interpreter", name: "Inga Interpreter", presence: "here", microphone: true, camera: true, screen: false };
const guestLink: Link = { ...link, name: "Interpreter", guest: "interpreter" };
const invited = (more: Partial<Guest>): Guest => ({ guest: 1, kind: "interpreter", name: "Inga Interpreter", state: "invited", agreed: null, direct: false, presence: "away", ...more });
const guests: Guest[] = [
  invited({ state: "in_call", agreed: true, participant: 2, presence: "here" }),
  invited({ guest: 2, kind: "relative", name: "Rita Weber", state: "knocking", agreed: true, participant: 3, presence: "here" }),
  invited({ guest: 3, kind: "expert", name: "Max Muster" }),
  invited({ guest: 4, kind: "other", name: "Gil", state: "left", agreed: false }),
];
/** A picture that looks like a code and leads nowhere. */
const squares = Array.from({ length: 41 }, (_, y) => Array.from({ length: 41 }, (_, x) => ((x * 7 + y * 13 + x * y) % 5 < 2 ? "1" : "0")).join(""));

const inCall = state("in_call", { participants: [anna] });
const agentInCall = state("in_call", { you: 1, participants: [clara] });
const talking = (people: SeatState["people"], more: Partial<SeatState> = {}): SeatState => ({ ...emptySeat, people, ...more });

/** Of Clara and Anna, as one of them reads it. */
const chatOf = (you: "citizen" | "agent"): ChatView["messages"] => ([
  ["agent", "Good morning. Please have your letter of October ready."], ["citizen", "Good morning! I have it here.\nThere are two pages."],
  ["agent", "What you need is on this page: https://guichet.example.lu/care/form-114"], ["citizen", "شكرا، merci, дякую 👨‍👩‍👧"],
] as const).map(([role, text], i) => ({ number: i + 1, message: `m${i}`, role, name: role === "agent" ? anna.name : clara.name, you: role === you, text, at: at(-3 + i) }));
const someTalk = (you: "citizen" | "agent"): TalkMore => {
  const other = you === "citizen" ? anna : clara;
  return {
    names: { [other.participant]: other.name },
    chat: { messages: chatOf(you), seen: 4, typing: [other.participant] },
    live: { draft: "yes, I", mine: [{ key: 1, text: "I hear you badly" }], others: [{ participant: other.participant, name: other.name, lines: [{ key: 2, text: "Then we write." }], now: "Is this bet" }] },
  };
};

const keptUntil = at(60 * 24);
const identityThere: DocumentEntry[] = [{ id: "c", kind: "identity_copy", name: "card.jpg", media_type: "image/jpeg", bytes: 2_413_000, added: at(-60) }];
const fewDocuments: Partial<DocumentsState> = {
  known: true, mayChange: true, countLeft: 12, bytesLeft: 15_800_000,
  list: [
    { id: "1".repeat(32), kind: "identity_copy", name: "Carte d’identité.jpg", media_type: "image/jpeg", bytes: 2_400_000, added: at(-60) },
    { id: "2".repeat(32), kind: "document", name: "Certificat médical du 12 novembre 2026, Centre hospitalier.pdf", media_type: "application/pdf", bytes: 814_000, added: at(-58) },
  ],
};
const receipt = { erased: at(0), asked: true, documents: 3, line: 4711, hash: "3f9a".repeat(16) };
const erasedLink: Link = { ...link, phase: "erased", name: "", reference: "", receipt };

export const examples: Example[] = [
  { id: "landing", page: "landing" },
  { id: "landing-booking", page: "landing", booking: true, mine: true },

  citizen("loading", { at: { link: undefined } }),
  citizen("too-early", { at: { link: { ...link, phase: "too_early", opens: at(134) } } }),
  citizen("too-early-days", { at: { link: { ...link, phase: "too_early", opens: at(60 * 51), start: at(60 * 51 + 15), end: at(60 * 51 + 35) } } }),
  citizen("too-early-cancel", { at: { link: { ...link, phase: "too_early", opens: at(134) } }, dialog: "cancel" }),
  citizen("too-early-documents", { at: { link: { ...link, phase: "too_early", opens: at(134) } }, documents: { ...fewDocuments, sending: [
    { key: 1, name: "Rechnung Oktober.pdf", part: 0.42 }, { key: 2, name: "Ferien.mp4", part: 1, problem: "unfit_document" }, { key: 3, name: "Alles.tiff", part: 0, problem: "too_large" }] } }),
  citizen("too-early-erase", { at: { link: { ...link, phase: "too_early", opens: at(134) } }, dialog: "erase" }),
  citizen("too-early-moved", { at: { moved: true, link: { ...link, phase: "too_early", opens: at(134) } } }),
  citizen("reschedule", { at: { step: "reschedule", link: { ...link, phase: "too_early", opens: at(134) } } }),
  citizen("reschedule-chosen", { at: { step: "reschedule", chosen: slotAt(2 * DAY - 42.5), link: { ...link, phase: "too_early", opens: at(134) } } }),
  citizen("reschedule-taken", { at: { step: "reschedule", notice: "slot_taken", instead: [slotAt(2 * DAY - 22.5), slotAt(3 * DAY - 42.5)], link: { ...link, phase: "too_early", opens: at(134) } } }),
  citizen("link-call-back", { at: { step: "call_back", link: { ...link, phase: "late" } }, callback: { ...wish, aboutAppointment: true, wish: { ...wish.wish, name: link.name } } }),
  citizen("too-early-test", { at: { step: "check", link: { ...link, phase: "too_early", opens: at(134) } } }),
  citizen("step-up", { at: { link: { ...link, step_up: "substantial" } } }),
  citizen("step-up-other-person", { at: { link: { ...link, step_up: "substantial" }, notice: "other_person" } }),
  citizen("welcome", {}),
  citizen("welcome-reconnecting", { at: { line: "reconnecting" } }),
  citizen("check-asking", { at: { step: "check" }, media: { ...noMedia, step: "asking" } }),
  citizen("check", { at: { step: "check" } }),
  citizen("check-no-camera", { at: { step: "check" }, media: (p) => media(p, { ...noCamera, cameraProblem: "not_found" }) }),
  citizen("check-camera-in-use", { at: { step: "check" }, media: (p) => media(p, { ...noCamera, cameraProblem: "in_use" }) }),
  citizen("check-no-microphone", { at: { step: "check" }, media: (p) => media(p, { microphone: undefined, microphoneProblem: "not_found" }) }),
  citizen("check-nothing", { at: { step: "check" }, media: { ...noMedia, step: "failed", problem: "not_found", cameraProblem: "not_found", microphoneProblem: "not_found" } }),
  citizen("check-denied", { at: { step: "check" }, media: { ...noMedia, step: "failed", problem: "denied" } }),
  citizen("check-denied-by-system", { at: { step: "check" }, media: { ...noMedia, step: "failed", problem: "denied_by_system" } }),
  citizen("check-not-through", { at: { step: "check", notice: "offline" } }),
  citizen("waiting", { at: { state: state("waiting") } }),
  citizen("waiting-documents", { at: { state: state("waiting") }, documents: fewDocuments }),
  citizen("waiting-camera-off", { at: { state: state("waiting") }, media: (p) => media(p, { ...noCamera, cameraOff: true }) }),
  citizen("waiting-third", { at: { state: state("waiting", { waiting: { place: 3, since: at(0, -20), messages: [] } }) } }),
  citizen("waiting-messages", { at: { state: state("waiting", { waiting: { place: 2, since: at(-12), messages: [
    { text: "It takes a few more minutes. Thank you for your patience.", at: at(-6) }, { text: "Please have your documents at hand.", at: at(-1) }] } }) } }),
  citizen("waiting-put-back", { at: { putBack: true, state: state("waiting") } }),
  citizen("waiting-rang-in-vain", { at: { rangInVain: true, state: state("waiting") } }),
  citizen("waiting-reconnecting", { at: { line: "reconnecting", state: state("waiting") } }),
  citizen("waiting-no-path", { at: { state: state("waiting") }, seat: () => ({ ...emptySeat, connected: false, noMediaPath: true }) }),
  citizen("waiting-overloaded", { at: { state: state("waiting") }, seat: () => ({ ...emptySeat, connected: false, overloaded: true }) }),
  citizen("waiting-no-camera", { at: { state: state("waiting") }, media: (p) => media(p, noCamera) }),
  citizen("ringing", { at: { state: state("ringing") } }),
  citizen("call", { at: { state: inCall }, seat: (p) => talking([{ ...anna, media: p.agent }]) }),
  citizen("call-chat", { at: { state: inCall }, seat: (p) => talking([{ ...anna, media: p.agent }]), talk: someTalk("citizen") }),
  citizen("call-chat-sending", { at: { state: inCall, line: "reconnecting" }, seat: (p) => talking([{ ...anna, media: p.agent }], { interrupted: true }), talk: { chat: { messages: chatOf("citizen").slice(0, 1), unread: 1, unsent: [
    { message: "a", text: "Can you see me?" }, { message: "b", text: "One more question, please.", problem: "chat_full" }] } } }),
  citizen("waiting-chat", { at: { putBack: true, state: state("waiting") }, talk: { chat: { open: false, messages: chatOf("citizen") } } }),
  citizen("call-weak-line", { at: { state: inCall }, seat: (p) => talking([{ ...anna, media: p.agent, microphone: false }], { downlink: "poor" }) }),
  citizen("call-interrupted", { at: { state: inCall, line: "reconnecting" }, seat: (p) => talking([{ ...anna, media: p.agent }], { interrupted: true }) }),
  citizen("call-no-path", { at: { state: inCall }, seat: (p) => talking([{ ...anna, media: p.agent }], { interrupted: true, connected: false, noMediaPath: true }) }),
  citizen("call-muted-camera-off", { at: { state: inCall }, media: (p) => media(p, { ...noCamera, muted: true, cameraOff: true }), seat: (p) => talking([{ ...anna, media: p.agent, camera: false }]) }),
  citizen("call-not-through", { at: { state: inCall, line: "reconnecting", notice: "offline" }, seat: (p) => talking([{ ...anna, media: p.agent }]) }),
  citizen("call-screen", { at: { state: inCall }, seat: (p) => talking([{ ...anna, screen: true, media: p.agent, screenMedia: p.screen }]) }),
  citizen("call-three", { at: { state: inCall }, seat: (p) => talking([{ ...anna, media: p.agent }, { ...inga, media: p.guest }]) }),
  citizen("call-no-picture", { at: { state: inCall }, seat: (p) => talking([{ ...anna, unseen: true, media: p.agent }]) }),
  citizen("call-guest-asked", { at: { state: state("in_call", { participants: [anna], guests: [invited({})] }) }, seat: (p) => talking([{ ...anna, media: p.agent }]) }),
  citizen("call-agent-away", { at: { state: inCall }, seat: (p) => talking([{ ...anna, presence: "away", media: p.agent }]) }),
  citizen("call-agent-left", { at: { state: state("in_call") }, seat: () => emptySeat }),
  citizen("left", { at: { wasInCall: true, state: state("left") }, media: noMedia }),
  citizen("left-waiting", { at: { state: state("left") }, media: noMedia }),
  citizen("closed", { at: { state: state("closed") }, media: noMedia }),
  citizen("closed-documents", { at: { state: state("closed"), link: { ...link, phase: "documents", kept_until: keptUntil } }, media: noMedia, documents: { ...fewDocuments, mayChange: false } }),
  citizen("documents", { at: { link: { ...link, phase: "documents", kept_until: keptUntil } }, media: noMedia, documents: { ...fewDocuments, mayChange: false } }),
  citizen("documents-chat", { at: { link: { ...link, phase: "documents", kept_until: keptUntil }, transcript: chatOf("citizen") }, media: noMedia, documents: { ...fewDocuments, mayChange: false } }),
  citizen("documents-none", { at: { link: { ...link, phase: "documents", kept_until: keptUntil } }, media: noMedia, documents: { known: true } }),
  citizen("documents-erase", { at: { link: { ...link, phase: "documents", kept_until: keptUntil } }, media: noMedia, documents: { ...fewDocuments, mayChange: false }, dialog: "erase" }),
  citizen("documents-unreachable", { at: { link: { ...link, phase: "documents", kept_until: keptUntil } }, media: noMedia, documents: { problem: "unreachable" } }),
  citizen("erased", { at: { link: erasedLink }, media: noMedia }),
  citizen("erased-due", { at: { link: { ...erasedLink, receipt: { ...receipt, asked: false } } }, media: noMedia }),
  citizen("erased-just-now", { at: { link: { ...erasedLink, receipt: undefined } }, media: noMedia }),
  citizen("missed", { at: { state: state("missed") }, media: noMedia }),
  citizen("cancelled", { at: { link: { ...link, phase: "cancelled", kept_until: keptUntil } }, media: noMedia }),
  citizen("cancelled-by-service", { at: { link: { ...link, phase: "cancelled", kept_until: keptUntil, cancelled: { by_service: true, reason: "The adviser is ill today.\nWe phone you to find another time." } } }, media: noMedia }),
  cancelling("cancel", {}),
  cancelling("cancel-asked", {}, {}, true),
  cancelling("cancel-offline", {}, { notice: "offline" }),
  cancelling("cancel-done", { phase: "cancelled", can_cancel: false }),
  cancelling("cancel-too-late", { phase: "open", can_cancel: false }),
  cancelling("cancel-unknown", {}, { link: undefined, problem: "unknown_link" }),
  cancelling("cancel-replaced", {}, { link: undefined, problem: "link_replaced" }),
  citizen("late", { at: { link: { ...link, phase: "late", kept_until: keptUntil } } }),
  citizen("over", { at: { link: { ...link, phase: "over" } } }),
  citizen("elsewhere", { at: { state: state("elsewhere") }, media: noMedia }),
  citizen("replaced", { at: { line: "replaced" }, media: noMedia }),
  ...(["unknown_link", "link_replaced", "not_signed_in", "slow_down", "unreachable", "internal"] as const).map((problem) =>
    citizen(problem.replace(/_/g, "-"), { at: { link: undefined, problem }, media: noMedia })),
  citizen("guest-welcome", { at: { link: guestLink } }),
  citizen("guest-check", { at: { step: "check", link: guestLink } }),
  citizen("guest-check-name-taken", { at: { step: "check", link: guestLink, notice: "name_taken" } }),
  citizen("guest-door", { at: { link: guestLink, state: state("waiting", { you: 2, waiting: undefined }) } }),
  citizen("guest-call", { at: { link: guestLink, state: state("in_call", { you: 2, participants: [clara, anna] }) }, seat: (p) => talking([{ ...clara, media: p.citizen }, { ...anna, media: p.agent }]) }),
  citizen("guest-left", { at: { link: guestLink, wasInCall: true, state: state("left", { you: 255 }) }, media: noMedia }),
  citizen("guest-over", { at: { link: { ...guestLink, phase: "over" } }, media: noMedia }),
  citizen("refused", { at: { line: "refused" }, media: noMedia }),

  booking("service", { step: "service", services: [service, second], draft: empty }),
  booking("service-missing", { step: "service", services: [service, second], draft: empty, incomplete: true }),
  booking("consent", { step: "consent", draft: empty }),
  booking("consent-authentication", { step: "consent", draft: empty, authentication: true }),
  booking("consent-known", { step: "consent", draft: empty, authentication: true, me }),
  booking("consent-provider-away", { step: "consent", draft: { ...empty, consent: true }, authentication: true, notice: "provider_unreachable" }),
  booking("consent-ended", { step: "consent", draft: { ...empty, consent: true }, authentication: true, notice: "person_ended" }),
  booking("details-authenticated", { step: "details", draft: { ...draft, authenticated: true }, authentication: true, me }),
  mine("mine-signed-out", {}),
  mine("mine-left", { left: true }),
  mine("mine", { step: "list", me, appointments: own }),
  mine("mine-none", { step: "list", me }),
  mine("mine-cancel", { step: "list", me, appointments: own }, ownOne),
  ...(["sign_in_failed", "sign_in_refused", "not_assured", "provider_unreachable", "other_person", "internal"] as const).map((problem) => mine(`mine-${problem.replace(/_/g, "-")}`, { step: "returning", problem })),
  booking("consent-missing", { step: "consent", draft: empty, incomplete: true }),
  booking("topic", { step: "topic", draft: { ...empty, consent: true } }),
  booking("topic-chosen", { step: "topic" }),
  booking("topic-missing", { step: "topic", draft: { ...empty, consent: true }, incomplete: true }),
  booking("time", { step: "time", draft: { ...draft, slot: undefined } }),
  booking("time-chosen", { step: "time" }),
  booking("time-missing", { step: "time", draft: { ...draft, slot: undefined }, incomplete: true }),
  booking("time-taken", { step: "time", draft: { ...draft, slot: undefined }, notice: "slot_taken", instead: [slotAt(2 * DAY - 22.5), slotAt(2 * DAY - 2.5), slotAt(3 * DAY - 42.5)] }),
  booking("time-looking", { step: "time" }, { slots: { ...someSlots, days: [], next: undefined, loading: true } }),
  booking("time-none", { step: "time" }, { slots: { ...someSlots, days: [], next: undefined, none: true, isLast: true } }),
  booking("time-empty-week", { step: "time" }, { slots: { ...someSlots, week: 4, days: [] } }),
  booking("time-unreachable", { step: "time" }, { slots: { ...someSlots, days: [], next: undefined, problem: "unreachable" } }),
  booking("details", { step: "details", draft: { ...empty, consent: true } }),
  booking("details-faults", { step: "details", draft: { ...empty, email: "clara", phone: "mine", note: "x".repeat(1_004) }, faults: { name: "missing", email: "not_an_address", phone: "not_a_number", note: "too_long" } }),
  booking("identity", { step: "identity", draft: { ...draft, files: [] } }),
  booking("identity-chosen", { step: "identity" }),
  booking("identity-missing", { step: "identity", draft: { ...draft, files: [] }, incomplete: true, refused: [{ name: "Ferien.mp4", fault: "unfit_card" }] }),
  booking("identity-lost", { step: "identity", draft: { ...draft, files: [{ ...card, lost: true }] } }),
  booking("documents", { step: "documents", draft: { ...draft, files: [card] } }),
  booking("documents-chosen", { step: "documents", refused: [{ name: "Ferien.mp4", fault: "unfit_document" }, { name: "Alles.tiff", fault: "too_large" }] }),
  booking("documents-lost", { step: "documents", draft: { ...draft, files: [card, { ...letter, lost: true }] }, incomplete: true }),
  booking("review", { step: "review" }),
  booking("review-sending", { step: "review", busy: true, sent: 0.4 }),
  booking("review-slow-down", { step: "review", notice: "slow_down", retryAfterS: 240 }),
  booking("review-too-many", { step: "review", notice: "too_many" }),
  booking("confirmed", { step: "confirmed", draft: empty, confirmed: { reference: "K7Q-4MX", start: draft.slot!.start, end: draft.slot!.end, join_url: `https://visavis.example/j#${"A".repeat(43)}`, qr: squares, mail: true, service: "advice", topic: "care", files: [], opened: true } }, { documents: { ...fewDocuments, list: fewDocuments.list!.slice(0, 1) } }),
  booking("confirmed-sending", { step: "confirmed", draft: empty, confirmed: { reference: "K7Q-4MX", start: draft.slot!.start, end: draft.slot!.end, join_url: `https://visavis.example/j#${"A".repeat(43)}`, qr: squares, mail: true, service: "advice", topic: "care", files: [{ ...letter, lost: true }], opened: true } }, { documents: { ...fewDocuments, sending: [
    { key: 1, name: "Rechnung Oktober.pdf", part: 0.42 }, { key: 2, name: "Bescheid.pdf", part: 1, problem: "unreachable", again: true }, { key: 3, name: "Ferien.mp4", part: 1, problem: "unfit_document" }] } }),
  booking("confirmed-unsent", { step: "confirmed", draft: empty, confirmed: { reference: "K7Q-4MX", start: draft.slot!.start, end: draft.slot!.end, join_url: `https://visavis.example/j#${"A".repeat(43)}`, qr: squares, mail: true, service: "advice", topic: "care", files: [letter], opened: false } }),
  booking("confirmed-without-mail", { step: "confirmed", draft: empty, confirmed: { reference: "K7Q-4MX", start: draft.slot!.start, end: draft.slot!.end, join_url: `https://visavis.example/j#${"A".repeat(43)}`, qr: squares, mail: false, service: "advice", topic: "care", files: [], opened: true } }),
  booking("closed", { step: "consent", services: [] }),
  booking("unreachable", { step: "consent", services: undefined, problem: "unreachable" }),
  booking("internal", { step: "consent", services: undefined, problem: "internal" }),
  booking("call-back", { step: "call_back" }, { callback: wish }),
  booking("call-back-missing", { step: "call_back" }, { callback: { ...wish, missing: ["reason", "time", "callback_name", "callback_phone", "callback_consent"] } }),
  booking("call-back-already", { step: "call_back" }, { callback: { ...told, notice: "too_many" } }),
  booking("call-back-asked", { step: "call_back" }, { callback: { ...told, asked: times[0] } }),

  agent("agent-sign-in", { at: { step: "sign_in", account: undefined } }),
  agent("agent-sign-in-provider", { at: { step: "sign_in", account: undefined, provider: true } }),
  agent("agent-sign-in-code", { at: { step: "sign_in", account: undefined, codeNeeded: true, notice: "wrong_code" } }),
  agent("agent-second-factor", { at: { step: "sign_in", account: undefined, offer: { secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", uri: "otpauth://totp/x", qr: squares, setup: "" } } }),
  agent("agent-recovery-codes", { at: { step: "sign_in", account: undefined, recoveryCodes: Array.from({ length: 10 }, (_, i) => `k7q4m-x2p9${"abcdefghij"[i]}`) } }),
  agent("agent-call-assured", { at: { rows: [{ ...rows[0]!, assurance: "substantial", vouched_name: "Clara Weber" }], state: agentInCall, callSince: NOW - 312_000 }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-desk-assured", { at: { rows: rows.map((one, i) => (i === 0 ? { ...one, assurance: "substantial" } : i === 1 ? { ...one, assurance: "high", vouched_name: "Jean Fontaine" } : i === 7 ? { ...one, assurance: "low" } : one)) } }),
  agent("agent-sign-in-wrong", { at: { step: "sign_in", account: undefined, notice: "wrong_credentials" } }),
  agent("agent-signed-out", { at: { step: "sign_in", account: undefined, notice: "signed_out" } }),
  agent("agent-sign-in-slow-down", { at: { step: "sign_in", account: undefined, notice: "slow_down", retryAfterS: 30 } }),
  agent("agent-desk-empty", { at: { rows: [] } }),
  agent("agent-desk", { at: { rows, arrived: { name: "Clara Weber-Thill", count: 1 } } }),
  agent("agent-desk-callbacks", { at: { rows: toldRows, callbacks } }),
  agent("agent-desk-unanswered", { at: { rows, notice: "ended.unanswered" } }),
  agent("agent-desk-closed", { at: { rows: rows.slice(3), notice: "ended.closed" } }),
  agent("agent-desk-reconnecting", { at: { rows, line: "reconnecting" } }),
  agent("agent-message", { at: { rows }, dialog: "message" }),
  agent("agent-preparing", { at: { rows, preparing: rows[0] } }),
  agent("agent-calling", { at: { rows, state: state("calling", { you: 1, participants: [clara] }) }, media: (p) => media(p) }),
  agent("agent-calling-no-devices", { at: { rows, state: state("calling", { you: 1, participants: [clara] }) }, media: () => ({ ...noMedia, step: "failed", problem: "not_found" }) }),
  agent("agent-call", { at: { rows, state: agentInCall, callSince: NOW - 312_000 }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-chat", { at: { rows, state: agentInCall, callSince: NOW - 400_000 }, media, seat: (p) => talking([{ ...clara, media: p.citizen }]), talk: someTalk("agent") }),
  agent("agent-call-documents", { at: { rows, state: agentInCall, callSince: NOW - 312_000, documents: fewDocuments.list }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-identity", { at: { rows, state: agentInCall, callSince: NOW - 312_000, documents: identityThere }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-identity-unshown", { at: { rows, state: agentInCall, callSince: NOW - 312_000, documents: identityThere, copy: { problem: true } }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-identity-seen", { at: { rows, state: agentInCall, callSince: NOW - 312_000, documents: [], identity: { method: "copy", result: "matches", by: "Anna Agent", at: at(-2) } }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-identity-other", { at: { rows, state: agentInCall, callSince: NOW - 312_000, documents: [], identity: { method: "copy", result: "does_not_match", at: at(-2) } }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-no-documents", { at: { rows, state: agentInCall, callSince: NOW - 312_000, documents: [] }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-call-over-time", { at: { rows, state: { ...agentInCall, end: at(-2) }, callSince: NOW - 1_512_000 }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }], { uplink: "fair" }) }),
  agent("agent-call-citizen-away", { at: { rows, state: agentInCall, callSince: NOW - 312_000 }, media: (p) => media(p), seat: (p) => talking([{ ...clara, presence: "away", media: p.citizen }]) }),
  agent("agent-call-citizen-left", { at: { rows, state: { ...agentInCall, participants: [] }, callSince: NOW - 312_000 }, media: (p) => media(p) }),
  agent("agent-call-guests", { at: { rows, state: { ...agentInCall, participants: [clara, inga], guests }, callSince: NOW - 312_000, knocked: { name: "Rita Weber", count: 1 } }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }, { ...inga, media: p.guest }]) }),
  agent("agent-invite", { at: { rows, state: agentInCall, callSince: NOW - 312_000 }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]), dialog: "invite" }),
  agent("agent-invited", { at: { rows, state: agentInCall, callSince: NOW - 312_000, invited: { name: "Inga Interpreter", url: "https://visavis.example/j#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", qr: squares } }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]) }),
  agent("agent-close", { at: { rows, state: agentInCall, callSince: NOW - 312_000 }, media: (p) => media(p), seat: (p) => talking([{ ...clara, media: p.citizen }]), dialog: "close" }),
  agent("agent-elsewhere", { at: { rows, state: state("elsewhere", { you: 1 }) } }),
  agent("agent-replaced", { at: { line: "replaced" } }),
  agent("agent-unreachable", { at: { problem: "unreachable" } }),
];
