// The few HTTP requests of the pages. Knows no screen.

import type { AgentAccount, Booking, CallbackAsked, CallbackTimes, CancelLink, Chat, ChatMessage, ComeBack, DocumentEntry, Documents, FreeSlot, Identity, IdentityResult, Link, Me, MyAppointment, MyAppointments, NewBooking, NewCallback, SecondFactorConfirm, SecondFactorOffer, SecondFactorSet, Services, SignInAt, SignInEnd, SignedIn, Slots, WaysIn } from "./protocol";

export class ApiError extends Error {
  /** `free`: with `slot_taken`, the next slots. `detail`: for developers; of a refused field it begins with its name. */
  constructor(readonly code: string, readonly retryAfterS?: number, readonly free: FreeSlot[] = [], readonly detail = "") {
    super(code);
  }
}

export const join = (token: string) => call<Link>("POST", "join", { token });
export const link = () => call<Link>("GET", "link");
export const cancelAppointment = () => call<Link>("POST", "link/cancel");
export const eraseLink = () => call<Link>("POST", "link/erase");
export const documents = () => call<Documents>("GET", "link/documents");
export const removeDocument = (id: string) => call<undefined>("DELETE", `link/documents/${id}`);
/** Where the browser saves a document from. */
export const documentUrl = (id: string) => `/api/v1/link/documents/${id}`;
export const documentsOf = (appointment: string) => call<Documents>("GET", `agent/consultations/${appointment}/documents`);
export const documentUrlOf = (appointment: string, id: string) => `/api/v1/agent/consultations/${appointment}/documents/${id}`;
export const reschedule = (start: string) => call<Link>("POST", "link/reschedule", { start });
export const services = () => call<Services>("GET", "services");
export const slots = (service: string, from: string, to: string) => call<Slots>("GET", `slots?${new URLSearchParams({ service, from, to })}`);
/** With a copy of the identity card it goes along; says how much of it has left, from 0 to 1. */
export const book = (booking: NewBooking, copy?: File, progress: (part: number) => void = () => undefined) => {
  if (!copy) return call<Booking>("POST", "bookings", booking);
  const form = new FormData();
  form.append("booking", JSON.stringify(booking));
  form.append("identity_copy", copy, copy.name);
  return sent<Booking>("bookings", form, progress);
};
/** The bytes of a copy that is to be drawn: asked for by the page's own script alone. */
export async function identityCopy(appointment: string): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/agent/consultations/${appointment}/identity-copy`, { headers: { "X-Visavis": "1" }, cache: "no-store", signal: AbortSignal.timeout?.(60_000) });
    if (response.ok) return await response.blob();
  } catch {
    throw new ApiError("unreachable");
  }
  throw new ApiError((await response.json().catch(() => undefined))?.error?.code ?? "internal");
}
export const sayIdentity = (appointment: string, result: IdentityResult) => call<Identity>("POST", `agent/consultations/${appointment}/identity`, { result });
export const callbackTimes = (service: string) => call<CallbackTimes>("GET", `callbacks/times?${new URLSearchParams({ service })}`);
export const askCallback = (wish: NewCallback) => call<CallbackAsked>("POST", "callbacks", wish);
export const setCallbackDone = (id: string, done: boolean) => call<undefined>("PATCH", `callbacks/${id}`, { done });
/** Where the file with the calendar entry is: a link, so that the browser opens it as people are used to. */
export const calendarUrl = "/api/v1/link/calendar";
export const cancelLink = (token: string) => call<CancelLink>("POST", "cancel-link", { token });
export const cancelByLink = (token: string) => call<CancelLink>("POST", "cancel-link/cancel", { token });
export const guest = () => call<Link>("GET", "guest");
export const signIn = (username: string, password: string, code?: string) => call<AgentAccount>("POST", "agent/sign-in", { username, password, ...(code ? { code } : {}) });
export const waysIn = () => call<WaysIn>("GET", "agent/sign-in");
export const beginStaffSignIn = (language: string) => call<SignInAt>("POST", "agent/sign-in/begin", { language });
export const endStaffSignIn = (came: SignInEnd) => call<AgentAccount>("POST", "agent/sign-in/end", came);
export const askSecondFactor = (username: string, password: string) => call<SecondFactorOffer>("POST", "agent/second-factor", { username, password });
export const confirmSecondFactor = (told: SecondFactorConfirm) => call<SecondFactorSet>("POST", "agent/second-factor/confirm", told);
export const beginSignIn = (to: ComeBack, language: string) => call<SignInAt>("POST", "me/sign-in", { to, language });
export const endSignIn = (came: SignInEnd) => call<SignedIn>("POST", "me/sign-in/end", came);
export const me = () => call<Me>("GET", "me");
export const signOutMe = () => call<undefined>("POST", "me/sign-out");
export const myAppointments = () => call<MyAppointments>("GET", "me/appointments");
export const openMine = (reference: string) => call<Link>("POST", `me/appointments/${reference}/open`);
export const cancelMine = (reference: string) => call<MyAppointment>("POST", `me/appointments/${reference}/cancel`);
export const stepUp = () => call<Link>("POST", "link/step-up");
export const signOut = () => call<undefined>("POST", "agent/sign-out");
export const agent = () => call<AgentAccount>("GET", "agent");

/** The address of a signaling socket on the server that this page came from. */
export function signalingUrl(role: "citizen" | "guest" | "agent"): string {
  return `${location.protocol === "http:" ? "ws:" : "wss:"}//${location.host}/signaling/${role}`;
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers: { "X-Visavis": "1", ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
      cache: "no-store",
      signal: AbortSignal.timeout?.(15_000),
    });
  } catch {
    throw new ApiError("unreachable");
  }
  if (response.status === 204) return undefined as T;
  const answer = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer as T;
  const retryAfter = Number(response.headers.get("Retry-After"));
  throw new ApiError(answer?.error?.code ?? (response.status >= 500 ? "unreachable" : "internal"), Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined, answer?.error?.free, answer?.error?.message);
}

/** What was said in the chat, all of it. */
export async function chat(): Promise<ChatMessage[]> {
  const all: ChatMessage[] = [];
  for (;;) {
    const { messages } = await call<Chat>("GET", `link/chat?after=${all[all.length - 1]?.number ?? 0}`);
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}

/** Sends a file as it is; says how much of it has left, from 0 to 1. Aborted it ends with `aborted`. */
export function sendDocument(file: File, progress: (part: number) => void, abort: AbortSignal): Promise<DocumentEntry> {
  return sent<DocumentEntry>(`link/documents?kind=document&name=${encodeURIComponent(file.name)}`, file, progress, abort);
}

function sent<T>(path: string, body: File | FormData, progress: (part: number) => void, abort?: AbortSignal): Promise<T> {
  // XMLHttpRequest: fetch does not tell how much of a body was sent.
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/${path}`);
    request.setRequestHeader("X-Visavis", "1");
    if (!(body instanceof FormData)) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201 && request.response) return done(request.response as T);
      const error = request.response?.error;
      const retryAfter = Number(request.getResponseHeader("Retry-After"));
      failed(new ApiError(error?.code ?? (request.status >= 500 ? "unreachable" : "internal"), retryAfter > 0 ? retryAfter : undefined, error?.free, error?.message));
    };
    request.onerror = () => failed(new ApiError("unreachable"));
    request.onabort = () => failed(new ApiError("aborted"));
    abort?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
