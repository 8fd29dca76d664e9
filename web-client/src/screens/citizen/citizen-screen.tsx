// Picks the screen that the state means. Decides nothing itself.

import { citizenScreen } from "../../core/citizen";
import { Call } from "./call";
import { Check } from "./check";
import { Documents } from "./documents";
import { Erased } from "./erase";
import { Loading, Outcome, Problem } from "./outcomes";
import { Ringing } from "./ringing";
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
