// "My appointments": sign in, see them, open or cancel one; and what went wrong on the way back from the identity provider.

import { useState } from "preact/hooks";
import type { Mine, MineState } from "../../core/mine";
import type { LinkPhase, MyAppointment } from "../../core/protocol";
import type { Key, Text } from "../../core/text";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Card, Notice, Page } from "../../ui/page";
import { noticeText } from "../notices";
import { KnownAs } from "./known-as";

export type MineActions = Pick<Mine, "load" | "signIn" | "signOut" | "open" | "cancel">;

export interface MineView {
  at: MineState;
  act: MineActions;
  /** For the gallery: as if the first step was taken. */
  cancelling?: MyAppointment;
}

const PHASES: Record<LinkPhase, Key> = {
  too_early: "mine.to_come", open: "mine.open_now", late: "mine.over", over: "mine.over", documents: "mine.documents", erased: "mine.over", missed: "mine.over", cancelled: "mine.cancelled",
};

export function MineScreen(view: MineView) {
  const { at } = view;
  const text = useText();
  if (at.problem) return <NotSignedIn {...view} />;
  switch (at.step) {
    case "loading":
    case "returning": return <Page screen="mine_loading" title={text("loading.title")}><p class="loading" role="status">{text("loading.what")}</p></Page>;
    case "signed_out": return <SignedOut {...view} />;
    case "list": return <List {...view} />;
  }
}

/** What happened at the provider, what it means, what to do. */
function NotSignedIn({ at, act }: MineView) {
  const text = useText();
  return (
    <Page screen="mine_not_signed_in" title={text("mine.failed_title")} lead={noticeText(text, at.problem ?? "internal")}>
      <p>{text("mine.failed_what")}</p>
      <div class="go">
        <Button kind="primary" icon="lock" busy={at.busy} onClick={() => void act.signIn(text.language)}>{text("mine.try_again")}</Button>
        <BookLink label="mine.book_without" />
      </div>
    </Page>
  );
}

function SignedOut({ at, act }: MineView) {
  const text = useText();
  return (
    <Page screen="mine_signed_out" title={text("mine.title")} lead={text("mine.lead")}>
      <div role="status">
        {at.left && !at.notice && <Notice kind="good">{text("mine.left")}</Notice>}
        {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      </div>
      <div class="go">
        <Button kind="primary" icon="lock" busy={at.busy} onClick={() => void act.signIn(text.language)}>{text("mine.sign_in")}</Button>
        <BookLink label="mine.book" />
      </div>
      <p>{text("mine.by_link")}</p>
    </Page>
  );
}

function List({ at, act, cancelling }: MineView) {
  const text = useText();
  const [asking, setAsking] = useState(cancelling);
  const when = (one: MyAppointment) => ({ day: text.day(one.start, one.time_zone), time: text.time(one.start, one.time_zone) });
  return (
    <Page screen="mine" title={text("mine.title")}>
      {at.me && <KnownAs me={at.me} onSignOut={() => void act.signOut()} />}
      <div role="status">{at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}</div>
      {at.appointments.length === 0 && <p>{text("mine.none")}</p>}
      {at.appointments.map((one) => (
        <Card key={one.reference} tone={one.phase === "open" ? "warm" : one.phase === "too_early" ? "calm" : undefined}>
          <h2>{text("book.when", when(one))}</h2>
          <Facts one={one} text={text} />
          <div class="go">
            {one.phase !== "cancelled" && <Button kind={one.phase === "open" ? "primary" : "plain"} icon="door" busy={at.busy} label={`${text("mine.open")}: ${one.reference}`} onClick={() => void act.open(one)}>{text("mine.open")}</Button>}
            {one.can_cancel && <Button kind="danger" busy={at.busy} label={`${text("cancel_appointment.button")}: ${one.reference}`} onClick={() => setAsking(one)}>{text("cancel_appointment.button")}</Button>}
          </div>
        </Card>
      ))}
      <div class="go"><BookLink label="mine.book" /></div>
      {asking && (
        <Dialog title={text("cancel_appointment.title")} onClose={() => setAsking(undefined)}>
          <p>{text("cancel_appointment.what", when(asking))}</p>
          <p>{text("cancel_appointment.place")}</p>
          <div class="go">
            {/* First, and so in focus: who presses Enter without reading keeps the appointment. */}
            <Button onClick={() => setAsking(undefined)}>{text("cancel_appointment.no")}</Button>
            <Button kind="danger" onClick={() => { setAsking(undefined); void act.cancel(asking); }}>{text("cancel_appointment.yes")}</Button>
          </div>
        </Dialog>
      )}
    </Page>
  );
}

function Facts({ one, text }: { one: MyAppointment; text: Text }) {
  return (
    <dl class="facts">
      <div><dt>{text("mine.state")}</dt><dd>{text(PHASES[one.phase])}</dd></div>
      <div><dt>{text("appointment.with")}</dt><dd>{one.service.name}</dd></div>
      <div><dt>{text("appointment.reference")}</dt><dd class="reference">{one.reference}</dd></div>
    </dl>
  );
}

function BookLink({ label }: { label: "mine.book" | "mine.book_without" }) {
  const text = useText();
  return <a class="button button-plain" href="/book"><Icon name="clock" /><span>{text(label)}</span></a>;
}
