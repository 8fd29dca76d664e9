// The citizen who signs in at the identity provider: coming back from it, the own appointments, and out again. Knows no element of the page.

import * as api from "./api";
import { ApiError } from "./api";
import { cameBack } from "./came-back";
import type { Me, MyAppointment, SignInEnd } from "./protocol";
import { Store } from "./store";

export interface MineState {
  /** `returning`: just back from the provider. */
  step: "loading" | "returning" | "signed_out" | "list";
  me?: Me;
  appointments: MyAppointment[];
  /** Code of why somebody who came back is not signed in. */
  problem?: string;
  /** Code of why the last press did nothing. */
  notice?: string;
  /** Signed out by the button, not by time. */
  left: boolean;
  busy: boolean;
}

/** The pages behind the provider. */
const PAGES = { book: "/book", mine: "/mine", join: "/j" } as const;

export class Mine extends Store<MineState> {
  constructor() {
    super({ step: "loading", appointments: [], left: false, busy: false });
  }

  async start(): Promise<void> {
    const came = location.pathname === "/signed-in" ? cameBack(location.search) : undefined;
    // The code is for the server alone: it stays neither in the address nor in the history.
    if (location.search) history.replaceState(null, "", location.pathname);
    if (came) await this.#end(came);
    else await this.load();
  }

  load = async (): Promise<void> => {
    this.set({ notice: undefined, problem: undefined });
    try {
      const me = await api.me();
      const { appointments } = await api.myAppointments();
      this.set({ step: "list", me, appointments });
    } catch (error) {
      const code = codeOf(error);
      if (code === "not_signed_in") this.set({ step: "signed_out", me: undefined, appointments: [] });
      else this.set({ step: "signed_out", notice: code });
    }
  };

  signIn = (language: string) => this.#try(async () => location.assign((await api.beginSignIn("mine", language)).url));

  signOut = () => this.#try(async () => {
    await api.signOutMe();
    this.set({ step: "signed_out", me: undefined, appointments: [], left: true });
  });

  /** The page of its link: waiting room, another time, documents. */
  open = (one: MyAppointment) => this.#try(async () => {
    await api.openMine(one.reference);
    location.assign(PAGES.join);
  });

  /** The second step of the person. */
  cancel = (one: MyAppointment) => this.#try(async () => {
    const now = await api.cancelMine(one.reference);
    this.set({ appointments: this.get().appointments.map((other) => (other.reference === now.reference ? now : other)) });
  });

  async #end(came: SignInEnd): Promise<void> {
    this.set({ step: "returning" });
    try {
      const { to } = await api.endSignIn(came);
      if (to === "join") await api.stepUp();
      location.replace(PAGES[to]);
    } catch (error) {
      this.set({ problem: codeOf(error) });
    }
  }

  async #try(act: () => Promise<unknown>): Promise<void> {
    if (this.get().busy) return;
    this.set({ busy: true, notice: undefined });
    try {
      await act();
    } catch (error) {
      const code = codeOf(error);
      if (code === "not_signed_in") this.set({ step: "signed_out", me: undefined, appointments: [] });
      else this.set({ notice: code });
    } finally {
      this.set({ busy: false });
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof ApiError ? error.code : "internal";
}
