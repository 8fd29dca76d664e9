// The pages /mine and /signed-in: my appointments, and where the identity provider sends citizens back to.

import "./styles/visavis.css";
import { App, show } from "./app";
import { Mine } from "./core/mine";
import { MineScreen } from "./screens/mine/mine-screen";
import { useSlow, useStore } from "./ui/hooks";

const mine = new Mine();

function MinePage() {
  const at = useStore(mine);
  const slow = useSlow();
  if ((at.step === "loading" || at.step === "returning") && !at.problem && !slow) return null;
  const [first] = at.appointments;
  return <App phone={first?.service.helpdesk_phone} beforeMail><MineScreen at={at} act={mine} /></App>;
}

show(<MinePage />);
void mine.start();
