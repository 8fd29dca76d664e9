// What a citizen's screen is given: plain state to show and the things that may be done.

import type { Citizen, CitizenState } from "../../core/citizen";
import type { DocumentsState } from "../../core/documents";
import type { LocalMedia, LocalMediaState } from "../../core/local-media";
import type { CallbackState } from "../../core/callback";
import type { SeatState } from "../../core/seat";
import type { SlotsState } from "../../core/slot-finder";
import type { CallbackActions, SlotActions } from "../book/view";
import type { DocumentActions } from "../document-list";
import type { TalkView } from "../talk";

export type CitizenActions = Pick<Citizen,
  "load" | "showWho" | "toCheck" | "toWelcome" | "arrive" | "takeOver" | "accept" | "decline" | "leave" | "comeBack" | "cancelAppointment" | "deleteEverything" | "toReschedule" | "choose" | "reschedule" | "toCallBack" | "back" | "knock" | "agree" | "useThisPage" | "clearNotice">;

export type MediaActionsFull = Pick<LocalMedia,
  "open" | "chooseCamera" | "chooseMicrophone" | "chooseSpeaker" | "canChooseSpeaker" | "canShareScreen" | "setMuted" | "setCameraOff" | "switchCamera" | "shareScreen" | "stopScreen">;

export interface CitizenView {
  at: CitizenState;
  media: LocalMediaState;
  seat: SeatState;
  documents: DocumentsState;
  documentsAct: DocumentActions;
  act: CitizenActions;
  talk: TalkView;
  /** For another time. */
  slots: SlotsState;
  slotsAct: SlotActions;
  callback?: CallbackState;
  callbackAct?: CallbackActions;
  mediaAct: MediaActionsFull;
  /** The gallery has no clock and no microphone: it says what they show. */
  fixed?: { now: number; level?: number; dialog?: "cancel" | "erase" };
}
