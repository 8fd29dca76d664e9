// What stands in the agent's way, and what to do.

import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Explained } from "../citizen/outcomes";
import type { AgentView } from "./view";

export function AgentProblem({ at, act }: AgentView) {
  const text = useText();
  const refused = at.line === "refused";
  return (
    <Explained kind={refused ? "refused" : at.problem === "unreachable" || at.problem === "slow_down" ? at.problem : "internal"}>
      <Button kind="primary" onClick={refused ? act.useThisPage : () => void act.load()}>{text(refused ? "reload" : "try_again")}</Button>
    </Explained>
  );
}

export function AgentReplaced({ act }: AgentView) {
  const text = useText();
  return <Explained kind="replaced"><Button kind="primary" icon="screen" onClick={act.useThisPage}>{text("replaced.use")}</Button></Explained>;
}

export function AgentElsewhere({ at, act }: AgentView) {
  const text = useText();
  return <Explained kind="elsewhere" notice={at.notice}><Button kind="primary" icon="screen" busy={at.busy} onClick={act.takeOver}>{text("elsewhere.take_over")}</Button></Explained>;
}
