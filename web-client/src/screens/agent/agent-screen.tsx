// Picks the screen that the state means. Decides nothing itself.

import { agentScreen } from "../../core/agent";
import { Loading } from "../citizen/outcomes";
import { AgentCall } from "./call";
import { Calling, Preparing } from "./calling";
import { Desk } from "./desk";
import { AgentElsewhere, AgentProblem, AgentReplaced } from "./outcomes";
import { SignIn } from "./sign-in";
import type { AgentView } from "./view";

export function AgentScreen(view: AgentView) {
  switch (agentScreen(view.at)) {
    case "loading": return <Loading />;
    case "problem": return <AgentProblem {...view} />;
    case "replaced": return <AgentReplaced {...view} />;
    case "sign_in": return <SignIn {...view} />;
    case "desk": return <Desk {...view} />;
    case "preparing": return <Preparing {...view} />;
    case "calling": return <Calling {...view} />;
    case "call": return <AgentCall {...view} />;
    case "elsewhere": return <AgentElsewhere {...view} />;
  }
}
