// The steps of a booking: their order, what each needs before the next, what is wrong with what was typed. Knows no element, no server.

import type { ChosenFile } from "./chosen-files";
import type { BookableService, BookableTopic, FreeSlot } from "./protocol";

export type Step = "service" | "consent" | "topic" | "time" | "details" | "identity" | "documents" | "review" | "confirmed";

/** What was chosen and typed so far. Held in this tab alone. */
export interface Draft {
  service?: string;
  consent: boolean;
  topic?: string;
  slot?: FreeSlot;
  name: string;
  email: string;
  phone: string;
  note: string;
  /** By who signed in at the identity provider: the name is the provider's. */
  authenticated?: boolean;
  /** The copy of the identity card and other documents; none of them has left the browser. */
  files: ChosenFile[];
  /** The review was reached: who goes back to change one thing comes back to it at once. */
  reviewed: boolean;
  /** Drawn once for each booking, so that a repeated press books once. */
  attempt: string;
}

export type Field = "name" | "email" | "phone" | "note";
export type Fault = "missing" | "not_an_address" | "not_a_number" | "too_long" | "refused";
export type Faults = Partial<Record<Field, Fault>>;

export const NOTE_CHARACTERS_MAX = 1_000;
export const NAME_CHARACTERS_MAX = 100;

export const emptyDraft = (attempt: string): Draft => ({ consent: false, name: "", email: "", phone: "", note: "", files: [], reviewed: false, attempt });

/** The steps in order; where there is one service, nobody is asked which, and where no copy of the identity card is asked for there is no step for it. */
export function stepsOf(services: BookableService[], draft: Pick<Draft, "service" | "authenticated">): Step[] {
  const service = serviceOf(draft, services);
  return [
    ...(services.length > 1 ? (["service"] as const) : []), "consent", "topic", "time", "details",
    ...(needsCopy(service, draft.authenticated) ? (["identity"] as const) : []), ...(!service || service.document_count > 0 ? (["documents"] as const) : []), "review",
  ];
}

/** Whether who books must bring a copy of the identity card. Until the service is known somebody is told of the step rather than surprised by it. */
export function needsCopy(service: BookableService | undefined, authenticated = false): boolean {
  const check = service?.identity_check ?? "unauthenticated";
  return check === "always" || (check === "unauthenticated" && !authenticated);
}

export function serviceOf(draft: Pick<Draft, "service">, services: BookableService[]): BookableService | undefined {
  return services.length === 1 ? services[0] : services.find((service) => service.key === draft.service);
}

export function topicOf(draft: Draft, services: BookableService[]): BookableTopic | undefined {
  return serviceOf(draft, services)?.topics.find((topic) => topic.key === draft.topic);
}

/** Whether a step has what it asks for. */
export function isDone(step: Step, draft: Draft, services: BookableService[]): boolean {
  switch (step) {
    case "service": return serviceOf(draft, services) !== undefined;
    case "consent": return draft.consent;
    case "topic": return topicOf(draft, services)?.by_video === true;
    case "time": return draft.slot !== undefined;
    case "details": return Object.keys(faultsOf(draft)).length === 0;
    case "identity": return draft.files.some(({ kind, lost }) => kind === "identity_copy" && !lost);
    case "documents": return !draft.files.some(({ kind, lost }) => kind === "document" && lost);
    default: return false;
  }
}

/** The step to show when `wanted` is asked for: an earlier one, when that one lacks something. */
export function reachable(wanted: Step, draft: Draft, services: BookableService[]): Step {
  const steps = stepsOf(services, draft);
  const until = Math.max(0, steps.indexOf(wanted));
  return steps.slice(0, until).find((step) => !isDone(step, draft, services)) ?? steps[until]!;
}

/** The step after this one is done. */
export function after(step: Step, draft: Draft, services: BookableService[]): Step {
  const steps = stepsOf(services, draft);
  if (draft.reviewed) return reachable("review", draft, services);
  return steps[Math.min(steps.indexOf(step) + 1, steps.length - 1)]!;
}

export function before(step: Step, services: BookableService[], draft: Draft): Step | undefined {
  const steps = stepsOf(services, draft);
  return steps[steps.indexOf(step) - 1];
}

/** What the server would refuse, said before it is asked. */
export function faultsOf({ name, email, phone, note }: Pick<Draft, Field>): Faults {
  const faults: Faults = {};
  if (!name.trim()) faults.name = "missing";
  else if ([...name.trim()].length > NAME_CHARACTERS_MAX) faults.name = "too_long";
  if (!email.trim()) faults.email = "missing";
  else if (!isEmail(email)) faults.email = "not_an_address";
  if (phone.trim() && !isPhone(phone)) faults.phone = "not_a_number";
  if ([...note.trim()].length > NOTE_CHARACTERS_MAX) faults.note = "too_long";
  return faults;
}

export function isEmail(text: string): boolean {
  return /^[^\s@"(),:;<>[\]\\]+@[^\s@"(),:;<>[\]\\]+\.[^\s@"(),:;<>[\]\\]+$/.test(text.trim());
}

export function isPhone(text: string): boolean {
  const digits = text.replace(/\D/g, "").length;
  return /^[\d+\-./() ]+$/.test(text.trim()) && digits >= 3 && digits <= 20;
}

/** A message of the server begins with the field that it refuses. */
export function fieldIn(message: string): Field | "start" | "topic" | "identity_copy" | undefined {
  const named = message.split(":")[0] ?? "";
  return (["name", "email", "phone", "note", "start", "topic", "identity_copy"] as const).find((field) => field === named);
}
