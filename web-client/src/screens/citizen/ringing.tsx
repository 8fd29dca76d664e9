// The agent calls: one big green button. It blinks twice in three seconds at most, and not at all for who asked for calm.

import { useEffect, useRef } from "preact/hooks";
import { Button } from "../../ui/button";
import { useNow, useText } from "../../ui/hooks";
import { LineNotice, Notice, Page } from "../../ui/page";
import { SelfView } from "../../ui/picture";
import { noticeText } from "../notices";
import type { CitizenView } from "./view";

export function Ringing({ at, media, act, fixed }: CitizenView) {
  const text = useText();
  const call = at.state?.call;
  const from = call?.from ?? "";
  const now = useNow(at.serverAheadMs);
  const leftS = call ? Math.max(0, Math.round((Date.parse(call.rings_until) - (fixed?.now ?? now)) / 1000)) : 0;
  const answer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Thirty seconds to answer: the button is where the next key press belongs. The name of the button says who calls.
    answer.current?.focus();
  }, []);
  const blink = Math.floor(now / 1000) % 2 === 0;
  return (
    <Page screen="ringing" ownFocus title={text("ringing.title", { name: from })} tab={blink ? `● ${text("ringing.tab")}` : text("ringing.title", { name: from })} lead={text("ringing.lead")}>
      <LineNotice down={at.line !== "ready"} />
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <div class="ringing">
        <Button kind="answer" icon="phone" buttonRef={answer} busy={at.busy} described="rings-for" onClick={() => void act.accept()}>{text("ringing.answer")}</Button>
        <p id="rings-for" class="hint">{text.count("ringing.left", leftS)}</p>
        <SelfView preview={media.preview} away={media.facesAway} />
        <Button kind="quiet" icon="clock" onClick={act.decline}>{text("ringing.decline")}</Button>
      </div>
      <div class="visually-hidden" role="alert">{text("ringing.said", { name: from })}</div>
    </Page>
  );
}
