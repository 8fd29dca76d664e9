// Between the agent's click and the citizen's answer: own picture, whom it rings at, and the way back.

import { Button } from "../../ui/button";
import { useNow, useText } from "../../ui/hooks";
import { Card, LineNotice, Notice, Page } from "../../ui/page";
import { SelfView } from "../../ui/picture";
import { noticeText } from "../notices";
import type { AgentView } from "./view";

export function Preparing({ at, act }: AgentView) {
  const text = useText();
  return (
    <Page screen="preparing" title={text("preparing.title", { name: at.preparing?.name ?? "" })} lead={text("preparing.lead")}>
      <Card tone="warm"><p>{text("check.asking_how")}</p></Card>
      <div class="go"><Button kind="quiet" icon="back" onClick={act.cancelPreparing}>{text("cancel")}</Button></div>
    </Page>
  );
}

export function Calling({ at, media, act, fixed }: AgentView) {
  const text = useText();
  const now = useNow(at.serverAheadMs);
  const call = at.state?.call;
  const leftS = call ? Math.max(0, Math.round((Date.parse(call.rings_until) - (fixed?.now ?? now)) / 1000)) : 0;
  const name = at.state?.participants.find((person) => person.role === "citizen")?.name
    ?? at.rows.find((row) => row.appointment === at.state?.appointment)?.name ?? "";
  return (
    <Page screen="calling" title={text("calling.title", { name })} lead={text("calling.lead")}>
      <LineNotice down={at.line !== "ready"} />
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      {media.step === "failed" && <Notice kind="warning">{text("calling.no_devices")}</Notice>}
      <div class="calling">
        <SelfView preview={media.preview} away={media.facesAway} />
        <p class="calling-left"><span class="pulse" aria-hidden="true" />{text.count("ringing.left", leftS)}</p>
        <Button kind="danger" icon="hangUp" busy={at.busy} onClick={act.stopRinging}>{text("calling.stop")}</Button>
      </div>
    </Page>
  );
}
