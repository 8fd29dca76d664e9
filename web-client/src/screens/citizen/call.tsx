// The citizen in the call.

import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { noticeText } from "../notices";
import { Stage } from "../stage";
import type { CitizenView } from "./view";

export function Call({ at, media, seat, act, mediaAct }: CitizenView) {
  const text = useText();
  const others = seat.people;
  const names = others.map((person) => person.name).join(", ");
  const away = others.find((person) => person.presence === "away");
  return (
    <Stage screen="call" title={others.length > 0 ? text("call.title", { name: names }) : text("call.title_alone")}
      seat={seat} media={media} mediaAct={mediaAct} signalingDown={at.line !== "ready"} onHangUp={act.leave} notice={at.notice && noticeText(text, at.notice)}
      alone={others.length === 0 && <><Icon name="person" size={48} /><p class="alone-title">{text("call.agent_left")}</p><p>{text("call.agent_left_what")}</p></>}
      said={others.length === 0 ? text("call.agent_left") : away ? text("call.away_said", { name: away.name }) : undefined} />
  );
}
