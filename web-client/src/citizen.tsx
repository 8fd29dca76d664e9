// The citizen's page: /j#token.

import "./styles/visavis.css";
import "./styles/form.css";
import "./styles/call.css";
import "./styles/documents.css";
import "./styles/talk.css";
import { App, show } from "./app";
import { readSetting } from "./core/device-id";
import { Citizen } from "./core/citizen";
import { CitizenScreen } from "./screens/citizen/citizen-screen";
import { namesOf } from "./screens/names";
import { useMaybe, useSlow, useStore } from "./ui/hooks";

const citizen = new Citizen();

function CitizenPage() {
  const at = useStore(citizen);
  const media = useStore(citizen.media);
  const seat = useStore(citizen.seat);
  const documents = useStore(citizen.documents);
  const slots = useStore(citizen.slots);
  const callback = useMaybe(at.callback);
  const slow = useSlow();
  return (
    // Nothing is shown in a guessed language before the appointment's own is known.
    at.link || at.problem || slow
      ? <App wish={at.link?.language} phone={at.link?.service.helpdesk_phone ?? readSetting("helpdesk")} serviceName={at.link?.service.name}>
          <CitizenScreen at={at} media={media} seat={seat} talk={{ chat: citizen.chat, liveText: citizen.liveText, chatAct: citizen.chat, textAct: citizen.liveText, names: namesOf(at.state), zone: at.link?.time_zone }} documents={documents} documentsAct={citizen.documents} act={citizen} mediaAct={citizen.media} slots={slots} slotsAct={citizen.slots} callback={callback} callbackAct={at.callback} />
        </App>
      : null
  );
}

show(<CitizenPage />);
void citizen.start();
