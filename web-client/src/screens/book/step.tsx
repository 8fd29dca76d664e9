// The frame of a step: how far one is, what is wrong, on and back.

import type { ComponentChildren } from "preact";
import { stepsOf, type Step } from "../../core/booking-steps";
import type { Key } from "../../core/text";
import { Button } from "../../ui/button";
import { Faults, Refusal } from "../../ui/form";
import { useText } from "../../ui/hooks";
import { Page } from "../../ui/page";
import { noticeText } from "../notices";
import type { BookingView } from "./view";

interface StepPageProps extends BookingView {
  step: Step;
  title: Key;
  lead?: Key;
  faults?: { id: string; text: string }[];
  /** What the button on says; without one there is none. */
  next?: Key;
  onNext?(): void;
  /** A way on before the others. */
  first?: ComponentChildren;
  /** Below the way on. */
  aside?: ComponentChildren;
  children: ComponentChildren;
}

export function StepPage({ at, act, step, title, lead, faults = [], next = "book.next", onNext, first, aside, children }: StepPageProps) {
  const text = useText();
  const steps = stepsOf(at.services ?? [], at.draft);
  const number = steps.indexOf(step) + 1;
  return (
    <Page screen={`book_${step}`} title={text(title)} lead={lead && text(lead)}>
      <p class="progress">{text("book.step", { number, of: steps.length })}</p>
      {/* Who comes to another step begins at its heading. */}
      <Refusal focus={at.notice !== "slot_taken"}>{at.notice && bookingNotice(at.notice, at.retryAfterS)}</Refusal>
      <Faults title={text("book.faults")} faults={faults} told={at.told} />
      <form class="step" noValidate onSubmit={(event) => { event.preventDefault(); (onNext ?? act.next)(); }}>
        {children}
        <div class="go">
          {first}
          <Button kind={first ? "plain" : "primary"} submit busy={at.busy}>{text(next)}</Button>
          {number > 1 && <Button kind="quiet" icon="back" onClick={act.back}>{text("back")}</Button>}
        </div>
      </form>
      {aside}
    </Page>
  );

  function bookingNotice(code: string, retryAfterS = 60): string {
    if (code === "slow_down") return text.count("book.slow_down", Math.max(1, Math.ceil(retryAfterS / 60)));
    if (code === "too_many") return text("book.too_many");
    if (code === "slot_taken") return text("book.taken");
    if (code === "person_ended") return text("mine.ended");
    return noticeText(text, code === "unreachable" ? "offline" : code);
  }
}

/** The way out of booking, on the steps where somebody may be stuck. */
export function CallMeBack({ onPress }: { onPress(): void }) {
  const text = useText();
  return (
    <div class="aside">
      <p>{text("call_back.instead")}</p>
      <Button icon="phone" onClick={onPress}>{text("call_back.button")}</Button>
    </div>
  );
}
