// Picks the screen that the state means. Decides nothing itself.

import { citizenScreen } from "../../core/citizen";
import { CallbackPage } from "../callback/callback";
import { Call } from "./call";
import { Check } from "./check";
import { Documents } from "./documents";
import { Erased } from "./erase";
import { Loading, Outcome, Problem } from "./outcomes";
import { Reschedule } from "./reschedule";
import { Ringing } from "./ringing";
import { StepUp } from "./step-up";
import { TooEarly } from "./too-early";
import type { CitizenView } from "./view";
import { Door, Waiting } from "./waiting";
import { Welcome } from "./welcome";

export function CitizenScreen(view: CitizenView) {
  const screen = citizenScreen(view.at);
  switch (screen) {
    case "loading": return <Loading />;
    case "problem": return <Problem {...view} />;
    case "too_early": return <TooEarly {...view} />;
    case "reschedule": return <Reschedule {...view} />;
    case "call_back": return view.callback && view.callbackAct ? <CallbackPage at={view.callback} act={view.callbackAct} onBack={view.act.back} /> : <Loading />;
    case "step_up": return <StepUp {...view} />;
    case "welcome": return <Welcome {...view} />;
    case "check": return <Check {...view} />;
    case "waiting": return view.at.link?.guest ? <Door {...view} /> : <Waiting {...view} />;
    case "ringing": return <Ringing {...view} />;
    case "call": return <Call {...view} />;
    case "closed": return view.at.link?.guest ? <Outcome screen={screen} {...view} /> : <Documents closed {...view} />;
    case "documents": return <Documents {...view} />;
    case "erased": return <Erased {...view} />;
    default: return <Outcome screen={screen} {...view} />;
  }
}
