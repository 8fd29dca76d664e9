// A citizen books: what was chosen so far, which step is shown, what the server says to it. The draft lives in this tab and survives a reload; it is
// nowhere else. Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import { after, before, emptyDraft, faultsOf, fieldIn, needsCopy, reachable, serviceOf, stepsOf, type Draft, type Faults, type Step } from "./booking-steps";
import { Callback } from "./callback";
import { HEAD_BYTES, contentOf, faultOf, unfitBeside, type ChosenFile, type RefusedFile } from "./chosen-files";
import { drawSecret, forgetSetting, readSetting, writeSetting } from "./device-id";
import { CitizenDocuments } from "./documents";
import { FileKeeper } from "./file-keeper";
import type { BookableService, Booking as Booked, DocumentKind, FreeSlot, Me } from "./protocol";
import { SlotFinder } from "./slot-finder";
import { Store } from "./store";

/** What was booked, with what is shown of it. */
export interface Confirmed extends Booked {
  service: string;
  topic: string;
  /** It stands among "my appointments". */
  mine?: boolean;
  /** Documents that have not arrived yet: they follow now that there is an appointment for them. */
  files: ChosenFile[];
  /** This browser has opened the link: the calendar entry can be had. */
  opened: boolean;
}

export interface BookingState {
  /** Those that citizens book by themselves. */
  services?: BookableService[];
  /** Citizens can sign in at an identity provider. */
  authentication?: boolean;
  /** Who is signed in there. */
  me?: Me;
  /** Code of what stops the page. */
  problem?: string;
  step: Step | "call_back";
  draft: Draft;
  /** Wrong fields of the details, or of a step that was left too early. */
  faults: Faults;
  /** The step was left without what it asks for. */
  incomplete: boolean;
  /** How often somebody was told what is wrong. */
  told: number;
  busy: boolean;
  /** How much of the copy of the identity card has left, from 0 to 1, while it does. */
  sent?: number;
  /** Files that were not taken the last time somebody chose some. */
  refused: RefusedFile[];
  /** Code of the last thing that did not work. */
  notice?: string;
  retryAfterS?: number;
  /** The chosen slot was taken meanwhile: these are free. */
  instead?: FreeSlot[];
  confirmed?: Confirmed;
  callback?: Callback;
}

const DRAFT = "booking";
const CONFIRMED = "booked";

interface Entry {
  step: BookingState["step"];
  /** Entries of this page before this one. */
  depth: number;
}

export class Booking extends Store<BookingState> {
  readonly slots = new SlotFinder();
  /** Of the appointment that was booked. */
  readonly documents = new CitizenDocuments();
  #files = new FileKeeper();

  constructor() {
    super({ step: "consent", draft: emptyDraft(drawSecret()), faults: {}, incomplete: false, told: 0, busy: false, refused: [] });
  }

  async start(): Promise<void> {
    addEventListener("popstate", (event) => this.#show((event.state as { visavis?: Entry } | null)?.visavis?.step ?? "service"));
    await this.load();
  }

  load = async (): Promise<void> => {
    this.set({ problem: undefined });
    try {
      const { services, authentication } = await api.services();
      void this.#files.sweep();
      const draft = { ...this.get().draft, ...kept<Draft>(DRAFT) };
      this.set({ services: services.filter((service) => service.public_booking), authentication, draft: { ...draft, files: await this.#found(draft.files) }, confirmed: kept<Confirmed>(CONFIRMED) });
      if (authentication) await this.#recognise();
      if (this.get().confirmed) void this.#follow();
      const { step } = this.#entry();
      // Who comes back from the provider goes on where they left.
      this.#show(step === "service" && this.get().draft.authenticated ? after("consent", this.get().draft, this.get().services ?? []) : step);
      history.replaceState({ visavis: { ...this.#entry(), step: this.get().step } }, "");
    } catch (error) {
      this.set({ problem: error instanceof ApiError ? error.code : "internal" });
    }
  };

  put = (patch: Partial<Draft>): void => {
    const before = this.get().draft;
    const draft = { ...before, ...patch };
    if (patch.service !== undefined && patch.service !== before.service) {
      draft.topic = undefined;
      draft.slot = undefined;
    }
    // Another booking than the one that may have reached the server.
    draft.attempt = drawSecret();
    const wrong = faultsOf(draft);
    const faults = Object.fromEntries(Object.entries(this.get().faults).filter(([field]) => field in wrong)) as Faults;
    this.set({ draft, faults, incomplete: false });
    writeSetting(DRAFT, JSON.stringify(draft));
  };

  /** To the identity provider, or on as who is signed in there already. What was typed waits in this tab. */
  authenticate = async (language: string): Promise<void> => {
    const { draft, me, services = [], busy } = this.get();
    if (busy) return;
    if (!draft.consent) return this.next();
    this.put({ authenticated: true });
    if (me) {
      this.#prefill(me);
      return this.go(after("consent", this.get().draft, services));
    }
    this.set({ busy: true, notice: undefined, retryAfterS: undefined });
    try {
      location.assign((await api.beginSignIn("book", language)).url);
    } catch (error) {
      const { code, retryAfterS } = error instanceof ApiError ? error : new ApiError("internal");
      this.put({ authenticated: false });
      this.set({ busy: false, notice: code, retryAfterS });
    }
  };

  /** On without a provider. */
  withoutAuthentication = (): void => {
    if (this.get().draft.authenticated) this.put({ authenticated: false });
    this.next();
  };

  /** Who sits here after them is nobody to the server. */
  signOut = async (): Promise<void> => {
    await api.signOutMe().catch(() => undefined);
    this.#forgetMe();
    void this.#files.remove(this.get().draft.files.map(({ id }) => id));
    this.put({ files: [] });
    this.go("consent");
  };

  /** Whom the cookie of the provider names, if anybody. */
  async #recognise(): Promise<void> {
    const me = await api.me().catch(() => undefined);
    this.set({ me });
    if (me && this.get().draft.authenticated) this.#prefill(me);
    else if (this.get().draft.authenticated) this.put({ authenticated: false });
  }

  #prefill({ name, email, phone }: Me): void {
    const { draft } = this.get();
    this.put({ name, email: draft.email || (email ?? ""), phone: draft.phone || (phone ?? "") });
  }

  #forgetMe(): void {
    this.set({ me: undefined });
    this.put({ authenticated: false, name: "", email: "", phone: "" });
  }

  /** Takes what somebody chose, as far as it fits; a copy of the card in place of the one before. Nothing leaves the browser. */
  choose = async (kind: DocumentKind, files: readonly File[]): Promise<void> => {
    const service = serviceOf(this.get().draft, this.get().services ?? []);
    if (!service) return;
    const refused: RefusedFile[] = [];
    for (const file of files) {
      const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer().catch(() => new ArrayBuffer(0)));
      const fault = faultOf(kind, contentOf(head)) ?? unfitBeside(this.get().draft.files, kind, file.size, service);
      if (fault) {
        refused.push({ name: file.name, fault });
        continue;
      }
      const chosen: ChosenFile = { id: drawSecret(), kind, name: file.name, size: file.size };
      await this.#files.put(chosen.id, file);
      const before = kind === "identity_copy" ? this.get().draft.files.filter((one) => one.kind === kind) : [];
      this.put({ files: [...this.get().draft.files.filter((one) => !before.includes(one)), chosen] });
      void this.#files.remove(before.map(({ id }) => id));
    }
    this.set({ refused });
  };

  takeOut = (id: string): void => {
    this.put({ files: this.get().draft.files.filter((file) => file.id !== id) });
    this.set({ refused: [] });
    void this.#files.remove([id]);
  };

  /** What stands after this step, when it has what it asks for. */
  next = (): void => {
    const { step, draft, services = [] } = this.get();
    if (step === "call_back") return;
    const faults = step === "details" ? faultsOf(draft) : {};
    const incomplete = reachable("review", draft, services) === step;
    this.set({ faults, incomplete, told: this.get().told + Number(incomplete), notice: undefined });
    if (!incomplete) this.go(after(step, draft, services));
  };

  /** One step back, as the browser's own button does. */
  back = (): void => {
    const { step, services = [] } = this.get();
    const { depth } = this.#entry();
    if (depth > 0) return history.back();
    const earlier = step === "call_back" ? stepsOf(services, this.get().draft)[0] : before(step, services, this.get().draft);
    if (earlier) this.#replace(earlier);
  };

  go = (step: BookingState["step"]): void => {
    history.pushState({ visavis: { step, depth: this.#entry().depth + 1 } satisfies Entry }, "");
    this.#show(step);
  };

  /** Takes a slot and goes on. */
  take = (slot: FreeSlot): void => {
    this.put({ slot });
    this.set({ instead: undefined });
    this.next();
  };

  callBack = (): void => this.go("call_back");

  confirm = async (language: string): Promise<void> => {
    const { draft, services = [], busy } = this.get();
    const service = serviceOf(draft, services);
    if (busy || !service || !draft.topic || !draft.slot) return;
    this.set({ busy: true, notice: undefined, retryAfterS: undefined });
    try {
      const [phone, note] = [draft.phone.trim(), draft.note.trim()];
      const card = needsCopy(service, draft.authenticated) ? draft.files.find(({ kind, lost }) => kind === "identity_copy" && !lost) : undefined;
      const copy = card && (await this.#files.get(card.id, card.name));
      if (needsCopy(service, draft.authenticated) && !copy) return this.#without(card);
      if (copy) this.set({ sent: 0 });
      const booked = await api.book({
        service: service.key, topic: draft.topic, start: draft.slot.start, name: draft.name.trim(), email: draft.email.trim(), language, consent: draft.consent,
        attempt: draft.attempt, ...(phone ? { phone } : {}), ...(note ? { note } : {}), ...(draft.authenticated ? { authenticated: true } : {}),
      }, copy, (sent) => this.set({ sent }));
      const files = draft.files.filter(({ kind, lost }) => kind === "document" && !lost);
      this.#confirmed({ ...booked, service: service.key, topic: draft.topic, mine: draft.authenticated, files, opened: false });
      void this.#files.remove(draft.files.filter((file) => !files.includes(file)).map(({ id }) => id));
      forgetSetting(DRAFT);
      this.set({ draft: emptyDraft(drawSecret()) });
      this.#replace("confirmed");
      void this.#follow();
    } catch (error) {
      this.#refused(error instanceof ApiError ? error : new ApiError("internal"));
    } finally {
      this.set({ busy: false, sent: undefined });
    }
  };

  /** Begins anew; what was booked stays booked. */
  another = (): void => {
    void this.#files.forget((this.get().confirmed?.files ?? []).map(({ id }) => id));
    forgetSetting(CONFIRMED);
    this.documents.stop();
    this.set({ confirmed: undefined });
    this.go(stepsOf(this.get().services ?? [], this.get().draft)[0]!);
  };

  /** Whether a page that is left now leaves something unsent. */
  isSending = (): boolean => this.get().sent !== undefined || this.documents.get().sending.some(({ problem }) => !problem);

  /** Opens the link in this browser, and hands in the documents that wait for it. */
  follow = (): Promise<void> => this.#follow();

  async #follow(): Promise<void> {
    const { confirmed } = this.get();
    const token = confirmed?.join_url.split("#")[1];
    if (!confirmed || !token) return;
    try {
      await api.join(token);
      this.#confirmed({ ...confirmed, opened: true });
      await this.documents.load();
    } catch {
      return;
    }
    for (const chosen of confirmed.files) {
      const file = await this.#files.get(chosen.id, chosen.name);
      if (file) this.documents.send([file], () => this.#arrived(chosen.id));
      else this.#arrived(chosen.id, true);
    }
  }

  /** The server has it; or the browser has lost it, and it stays in the list as something to choose again. */
  #arrived(id: string, lost = false): void {
    const { confirmed } = this.get();
    if (!confirmed) return;
    this.#confirmed({ ...confirmed, files: lost ? confirmed.files.map((file) => (file.id === id ? { ...file, lost } : file)) : confirmed.files.filter((file) => file.id !== id) });
    if (!lost) void this.#files.remove([id]);
  }

  #confirmed(confirmed: Confirmed): void {
    this.set({ confirmed });
    writeSetting(CONFIRMED, JSON.stringify(confirmed));
  }

  /** Those that the browser has not kept are lost. */
  async #found(files: ChosenFile[]): Promise<ChosenFile[]> {
    return Promise.all(files.map(async (file) => ({ ...file, lost: (await this.#files.get(file.id, file.name)) === undefined || undefined })));
  }

  #without(card: ChosenFile | undefined): void {
    if (card) this.put({ files: this.get().draft.files.map((file) => (file.id === card.id ? { ...file, lost: true } : file)) });
    this.go("identity");
    this.set({ incomplete: true, told: this.get().told + 1 });
  }

  #refused({ code, retryAfterS, free, detail }: ApiError): void {
    const field = code === "invalid_appointment" ? fieldIn(detail) : undefined;
    if (code === "slot_taken" || field === "start") {
      // Nothing of what was typed is lost.
      this.put({ slot: undefined });
      this.set({ instead: free });
      this.go("time");
      this.set({ notice: "slot_taken" });
    } else if (field === "identity_copy" || code === "unfit_document" || code === "too_large" || code === "no_space") {
      const card = this.get().draft.files.find(({ kind }) => kind === "identity_copy");
      this.put({ files: this.get().draft.files.filter((file) => file !== card) });
      this.go("identity");
      const fault = code === "too_large" || code === "no_space" ? code : "unfit_card";
      this.set({ refused: card && field !== "identity_copy" ? [{ name: card.name, fault }] : [], incomplete: true, told: this.get().told + 1 });
    } else if (field === "topic") {
      this.put({ topic: undefined });
      this.go("topic");
    } else if (field) {
      this.go("details");
      this.set({ faults: { [field]: "refused" }, told: this.get().told + 1 });
    } else if (code === "not_signed_in") {
      this.#forgetMe();
      this.go("consent");
      this.set({ notice: "person_ended" });
    } else {
      this.set({ notice: code, retryAfterS });
    }
  }

  #replace(step: BookingState["step"]): void {
    history.replaceState({ visavis: { step, depth: this.#entry().depth } satisfies Entry }, "");
    this.#show(step);
  }

  #entry(): Entry {
    return (history.state as { visavis?: Entry } | null)?.visavis ?? { step: "service", depth: 0 };
  }

  /** The step that was asked for, or the one before it that lacks something. What is booked is not booked again by going back. */
  #show(wanted: BookingState["step"]): void {
    const { draft, services = [], confirmed } = this.get();
    const clean = { notice: undefined, retryAfterS: undefined, faults: {}, incomplete: false, refused: [] };
    if (wanted === "call_back" && services.length > 0) {
      const service = serviceOf(draft, services) ?? services[0]!;
      const callback = this.get().callback ?? new Callback({ service: service.key, zone: service.time_zone, aboutAppointment: false }, { name: draft.name, phone: draft.phone });
      this.set({ ...clean, step: "call_back", callback });
      if (!callback.get().times) void callback.load();
      return;
    }
    const step = confirmed ? "confirmed" : reachable(wanted === "call_back" || wanted === "confirmed" ? "service" : wanted, draft, services);
    this.set({ ...clean, step, callback: undefined });
    if (step === "review" && !draft.reviewed) this.set({ draft: { ...draft, reviewed: true } });
    const service = serviceOf(draft, services);
    if (step === "time" && service) void this.slots.find(service);
  }
}

/** What this tab kept; nothing when it is not what it should be. */
function kept<T>(name: string): T | undefined {
  try {
    return JSON.parse(readSetting(name) ?? "") as T;
  } catch {
    return undefined;
  }
}
