// The agent's page: /agent.

import "./styles/visavis.css";
import "./styles/form.css";
import "./styles/call.css";
import "./styles/desk.css";
import "./styles/documents.css";
import "./styles/talk.css";
import { App, show } from "./app";
import { Agent } from "./core/agent";
import { AgentScreen } from "./screens/agent/agent-screen";
import { namesOf } from "./screens/names";
import { useSlow, useStore } from "./ui/hooks";

const agent = new Agent();

function AgentPage() {
  const at = useStore(agent);
  const media = useStore(agent.media);
  const seat = useStore(agent.seat);
  const slow = useSlow();
  return (
    at.step === "loading" && !at.problem && !slow
      ? null
      : <App wish={at.account?.language} staff><AgentScreen at={at} media={media} seat={seat} talk={{ chat: agent.chat, liveText: agent.liveText, chatAct: agent.chat, textAct: agent.liveText, names: namesOf(at.state) }} act={agent} mediaAct={agent.media} /></App>
  );
}

show(<AgentPage />);
void agent.start();
