// The citizen in the call.

import { useText } from "../../ui/hooks";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { noticeText } from "../notices";
import { nameOf, Stage } from "../stage";
import type { CitizenView } from "./view";

export function Call({ at, media, seat, talk, act, mediaAct }: CitizenView) {
  const text = useText();
  const others = seat.people;
  const names = others.map((person) => nameOf(text, person)).join(", ");
  const asked = at.state?.guests?.find((guest) => guest.agreed === null);
  const away = others.find((person) => person.presence === "away");
  return (
    <Stage screen="call" talk={talk} title={others.length > 0 ? text("call.title", { name: names }) : text("call.title_alone")}
      seat={seat} media={media} mediaAct={mediaAct} signalingDown={at.line !== "ready"} onHangUp={act.leave} notice={at.notice && noticeText(text, at.notice)}
      question={asked && (
        <section class="question" aria-labelledby="question-title">
          <h2 id="question-title"><Icon name="person" />{text("agree.title")}</h2>
          <p>{text("agree.what", { name: asked.name, kind: text(`guest.kind_${asked.kind}`) })}</p>
          <div class="go">
            <Button kind="primary" icon="check" busy={at.busy} onClick={() => void act.agree(asked.guest, true)}>{text("agree.yes")}</Button>
            <Button busy={at.busy} onClick={() => void act.agree(asked.guest, false)}>{text("agree.no")}</Button>
          </div>
        </section>
      )}
      alone={others.length === 0 && <><Icon name="person" size={48} /><p class="alone-title">{text("call.agent_left")}</p><p>{text("call.agent_left_what")}</p></>}
      said={others.length === 0 ? text("call.agent_left") : away ? text("call.away_said", { name: away.name }) : undefined} />
  );
}
