// "Call me back": why, when it suits, which phone; then that it is written down.

import { REASONS, WORDS_CHARACTERS_MAX, type CallbackField, type CallbackState } from "../../core/callback";
import type { Key } from "../../core/text";
import type { CallbackTime } from "../../core/protocol";
import { dayIn } from "../../core/zone";
import { Button } from "../../ui/button";
import { Choice, Faults, Refusal, TextField } from "../../ui/form";
import { useText } from "../../ui/hooks";
import { Card, Page } from "../../ui/page";
import { ZoneHint } from "../../ui/zone-hint";
import type { CallbackActions } from "../book/view";
import { noticeText } from "../notices";

const FAULTS: Record<CallbackField, Key> = {
  reason: "call_back.reason_missing", time: "call_back.time_missing", callback_name: "book.name_missing", callback_phone: "call_back.phone_missing", callback_email: "book.email_wrong", callback_consent: "book.consent_missing",
};

interface CallbackPageProps {
  at: CallbackState;
  act: CallbackActions;
  onBack(): void;
}

export function CallbackPage({ at, act, onBack }: CallbackPageProps) {
  const text = useText();
  if (at.asked) return <CallbackAsked at={at} onBack={onBack} />;
  const { wish, times = [] } = at;
  const first: Record<CallbackField, string> = { reason: `reason-${REASONS[0]}`, time: times[0] ? `time-${Date.parse(times[0].start)}` : "", callback_name: "callback_name", callback_phone: "callback_phone", callback_email: "callback_email", callback_consent: "callback_consent" };
  const fault = (field: CallbackField) => (at.missing.includes(field) ? text(FAULTS[field]) : undefined);
  const days = new Map<string, CallbackTime[]>();
  for (const time of times) {
    const day = dayIn(at.zone, Date.parse(time.start));
    days.set(day, [...(days.get(day) ?? []), time]);
  }
  return (
    <Page screen="call_back" title={text("call_back.title")} lead={text("call_back.lead")}>
      <Refusal>{at.notice && said(at.notice)}</Refusal>
      <Faults title={text("book.faults")} faults={at.missing.map((field) => ({ id: first[field], text: text(FAULTS[field]) }))} told={at.told} />
      <form class="step" noValidate onSubmit={(event) => { event.preventDefault(); void act.send(text.language); }}>
        <fieldset class="choices">
          <legend>{text("call_back.reason")}</legend>
          {REASONS.map((reason) => <Choice id={`reason-${reason}`} group="reason" small checked={wish.reason === reason} onChoose={() => act.put({ reason })}>{text(`call_back.reason_${reason}`)}</Choice>)}
        </fieldset>
        <TextField id="words" label={text("call_back.words")} hint={text("call_back.words_hint")} rows={3} maxLength={WORDS_CHARACTERS_MAX} value={wish.words} onInput={(words) => act.put({ words })} />
        <fieldset class="choices">
          <legend>{text("call_back.when")}</legend>
          {[...days].map(([day, list]) => (
            <div class="call-day">
              <p id={`call-day-${day}`}><strong>{text.day(`${day}T12:00:00Z`, "UTC")}</strong></p>
              {list.map((time) => (
                <Choice id={`time-${Date.parse(time.start)}`} group="call_time" small checked={wish.start === time.start} onChoose={() => act.put({ start: time.start })}>
                  <span class="visually-hidden">{text.day(`${day}T12:00:00Z`, "UTC")} </span>{text("appointment.span", { start: text.time(time.start, at.zone), end: text.time(time.end, at.zone) })}
                </Choice>
              ))}
            </div>
          ))}
          <ZoneHint zone={at.zone} at={times[0]?.start} />
          {at.times && times.length === 0 && <p>{text("call_back.no_times")}</p>}
          {!at.times && !at.notice && <p role="status" class="loading">{text("book.looking")}</p>}
          {!at.times && at.notice && <Button onClick={() => void act.load()}>{text("try_again")}</Button>}
        </fieldset>
        <TextField id="callback_name" label={text("book.name")} fault={fault("callback_name")} autoComplete="name" required maxLength={100} value={wish.name} onInput={(name) => act.put({ name })} />
        <TextField id="callback_phone" label={text("book.phone")} hint={text("call_back.phone_hint")} fault={fault("callback_phone")} type="tel" autoComplete="tel" required maxLength={40} value={wish.phone} onInput={(phone) => act.put({ phone })} />
        <TextField id="callback_email" label={text("book.email")} hint={text("call_back.email_hint")} fault={fault("callback_email")} type="email" autoComplete="email" maxLength={254} value={wish.email} onInput={(email) => act.put({ email })} />
        <Choice id="callback_consent" checked={wish.consent} invalid={at.missing.includes("callback_consent")} onChoose={(consent) => act.put({ consent })}>{text("call_back.consent")}</Choice>
        <div class="go">
          <Button kind="primary" icon="phone" submit busy={at.busy}>{text("call_back.send")}</Button>
          <Button kind="quiet" icon="back" onClick={onBack}>{text("back")}</Button>
        </div>
      </form>
    </Page>
  );

  function said(code: string): string {
    if (code === "slow_down") return text.count("book.slow_down", Math.max(1, Math.ceil((at.retryAfterS ?? 60) / 60)));
    if (code === "too_many") return text("call_back.already");
    if (code === "busy") return text("call_back.full");
    if (code === "invalid_appointment") return text("call_back.refused");
    return noticeText(text, code === "unreachable" ? "offline" : code);
  }
}

function CallbackAsked({ at, onBack }: Omit<CallbackPageProps, "act">) {
  const text = useText();
  const { start, end } = at.asked!;
  return (
    <Page screen="call_back_asked" title={text("called_back.title")} lead={text("called_back.lead")}>
      <Card tone="calm">
        <dl class="facts">
          <div><dt>{text("appointment.when")}</dt><dd>{text.day(start, at.zone)}<br /><strong>{text("appointment.span", { start: text.time(start, at.zone), end: text.time(end, at.zone) })}</strong></dd></div>
          <div><dt>{text("book.phone")}</dt><dd>{at.wish.phone}</dd></div>
        </dl>
      </Card>
      <p>{text("called_back.what")}</p>
      {at.asked!.mail && <p>{text("called_back.mail")}</p>}
      <div class="go"><Button kind="quiet" icon="back" onClick={onBack}>{text("back")}</Button></div>
    </Page>
  );
}
