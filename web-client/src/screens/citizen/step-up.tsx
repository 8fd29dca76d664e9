// Before the waiting room, where the service asks for more than the link: show who you are.

import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Notice, Page } from "../../ui/page";
import { noticeText } from "../notices";
import type { CitizenView } from "./view";

export function StepUp({ at, act }: CitizenView) {
  const text = useText();
  return (
    <Page screen="step_up" title={text("step_up.title")} lead={text("step_up.lead")}>
      <div role="status">{at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}</div>
      <p>{text("step_up.what")}</p>
      <div class="go"><Button kind="primary" icon="lock" busy={at.busy} onClick={() => void act.showWho(text.language)}>{text("book.with")}</Button></div>
    </Page>
  );
}
