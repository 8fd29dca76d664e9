// The page of the cancel link: /c#token.

import "./styles/visavis.css";
import { App, show } from "./app";
import { Cancel } from "./core/cancel";
import { CancelScreens } from "./screens/cancel";
import { useSlow, useStore } from "./ui/hooks";

const cancel = new Cancel();

function CancelPage() {
  const at = useStore(cancel);
  const slow = useSlow();
  // Nothing is shown in a guessed language before the appointment's own is known.
  return at.link || at.problem || slow
    ? <App wish={at.link?.language} phone={at.link?.service.helpdesk_phone} serviceName={at.link?.service.name}><CancelScreens at={at} act={cancel} /></App>
    : null;
}

show(<CancelPage />);
void cancel.start();
