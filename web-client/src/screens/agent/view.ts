// What an agent's screen is given: plain state to show and the things that may be done.

import type { Agent, AgentState } from "../../core/agent";
import type { LocalMediaState } from "../../core/local-media";
import type { SeatState } from "../../core/seat";
import type { MediaActionsFull } from "../citizen/view";
import type { TalkView } from "../talk";

export type AgentActions = Pick<Agent,
  "load" | "signIn" | "signInAtProvider" | "confirmSecondFactor" | "toDesk" | "signOut" | "call" | "comeBack" | "stopRinging" | "putBack" | "hangUp" | "takeOver" | "close" | "notify" | "setCallbackDone" | "invite" | "forgetInvited" | "lookForDocuments" | "lookAtCopy" | "putCopyAway" | "sayIdentity" | "letIn" | "putBackGuest" | "revoke" | "removeGuest" | "useThisPage" | "clearNotice" | "cancelPreparing">;

export interface AgentView {
  at: AgentState;
  media: LocalMediaState;
  seat: SeatState;
  talk: TalkView;
  act: AgentActions;
  mediaAct: MediaActionsFull;
  fixed?: { now: number; level?: number; dialog?: "close" | "message" | "invite" };
}
