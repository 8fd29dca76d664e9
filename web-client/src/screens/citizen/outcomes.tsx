// Screens that end something or stand in the way: what happened, what it means, what to do.

import type { ComponentChildren } from "preact";
import type { CitizenScreen } from "../../core/citizen";
import type { Key } from "../../core/text";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon, type IconName } from "../../ui/icon";
import { Card, LineNotice, Notice, Page } from "../../ui/page";
import { noticeText } from "../notices";
import { DeleteEverything } from "./erase";
import type { CitizenView } from "./view";

type Kind = "guest_left" | "guest_over" | "left" | "left_waiting" | "closed" | "missed" | "cancelled" | "cancelled_by_service" | "cancel_too_late" | "late" | "over" | "elsewhere" | "replaced"
  | "unknown_link" | "link_replaced" | "not_signed_in" | "slow_down" | "unreachable" | "refused" | "internal" | "internal_booking";

/** Where a new appointment, or a call, is the way on. */
const ENDED = new Set<Kind>(["late", "missed", "cancelled", "cancelled_by_service", "over"]);

const KINDS: Record<Kind, { title: Key; what: Key; next: Key; icon: IconName }> = {
  guest_left: { title: "left.title", what: "left.what", next: "guest.left_next", icon: "leave" },
  guest_over: { title: "guest.over_title", what: "guest.over_what", next: "guest.over_next", icon: "done" },
  left: { title: "left.title", what: "left.what", next: "left.next", icon: "leave" },
  left_waiting: { title: "left_waiting.title", what: "left_waiting.what", next: "left_waiting.next", icon: "leave" },
  closed: { title: "closed.title", what: "closed.what", next: "closed.next", icon: "done" },
  missed: { title: "missed.title", what: "missed.what", next: "missed.next", icon: "phone" },
  cancelled: { title: "cancelled.title", what: "cancelled.what", next: "cancelled.next", icon: "done" },
  cancelled_by_service: { title: "cancelled.title", what: "cancelled.by_service", next: "cancelled.next", icon: "done" },
  cancel_too_late: { title: "cancel_link.late_title", what: "cancel_link.late_what", next: "cancel_link.late_next", icon: "clock" },
  late: { title: "late.title", what: "late.what", next: "late.next", icon: "clock" },
  over: { title: "over.title", what: "over.what", next: "over.next", icon: "clock" },
  elsewhere: { title: "elsewhere.title", what: "elsewhere.what", next: "elsewhere.next", icon: "screen" },
  replaced: { title: "replaced.title", what: "replaced.what", next: "replaced.next", icon: "screen" },
  unknown_link: { title: "unknown_link.title", what: "unknown_link.what", next: "unknown_link.next", icon: "warning" },
  link_replaced: { title: "link_replaced.title", what: "link_replaced.what", next: "link_replaced.next", icon: "message" },
  not_signed_in: { title: "not_signed_in.title", what: "not_signed_in.what", next: "not_signed_in.next", icon: "message" },
  slow_down: { title: "slow_down.title", what: "slow_down.what", next: "slow_down.next", icon: "clock" },
  unreachable: { title: "unreachable.title", what: "unreachable.what", next: "unreachable.next", icon: "warning" },
  refused: { title: "refused.title", what: "refused.what", next: "refused.next", icon: "warning" },
  internal: { title: "internal.title", what: "internal.what", next: "internal.next", icon: "warning" },
  internal_booking: { title: "internal.title", what: "book.internal", next: "internal.next", icon: "warning" },
};

export function Loading() {
  const text = useText();
  return <Page screen="loading" title={text("loading.title")}><p class="loading" role="status">{text("loading.what")}</p></Page>;
}

export function Outcome({ screen, ...view }: CitizenView & { screen: CitizenScreen }) {
  const text = useText();
  const { at, act } = view;
  const guest = at.link?.guest !== undefined;
  const cancelled = screen === "cancelled" ? at.link?.cancelled : undefined;
  const kind: Kind = cancelled?.by_service ? "cancelled_by_service" : guest && screen === "left" ? "guest_left" : guest && (screen === "closed" || screen === "over") ? "guest_over" : screen === "left" && !at.wasInCall ? "left_waiting" : (screen as Kind);
  return (
    <Explained kind={kind} notice={at.notice} reconnecting={at.line === "reconnecting"}>
      {cancelled?.reason && <Card><p class="said"><strong>{text("cancelled.reason")}</strong> {cancelled.reason}</p></Card>}
      {kind === "guest_left" && <Button kind="primary" icon="door" busy={at.busy} onClick={act.comeBack}>{text("guest.knock_again")}</Button>}
      {kind === "left" && <Button kind="primary" icon="phone" busy={at.busy} onClick={act.comeBack}>{text("left.return")}</Button>}
      {kind === "left_waiting" && <Button kind="primary" icon="door" busy={at.busy} onClick={act.comeBack}>{text("left_waiting.return")}</Button>}
      {ENDED.has(kind) && at.link?.service.public_booking && <a class="button button-primary" href="/book"><Icon name="clock" /><span>{text("book.again")}</span></a>}
      {ENDED.has(kind) && !guest && at.link && <Button icon="phone" onClick={act.toCallBack}>{text("call_back.button")}</Button>}
      {kind === "elsewhere" && <Button kind="primary" icon="screen" busy={at.busy} onClick={act.takeOver}>{text("elsewhere.take_over")}</Button>}
      {kind === "replaced" && <Button kind="primary" icon="screen" onClick={act.useThisPage}>{text("replaced.use")}</Button>}
      {(kind === "late" || kind === "missed" || kind === "cancelled") && <DeleteEverything {...view} />}
    </Explained>
  );
}

export function Problem({ at, act }: CitizenView) {
  const text = useText();
  const kind = problemKind(at.problem ?? "refused");
  const again = kind === "unreachable" || kind === "slow_down" || kind === "internal";
  return (
    <Explained kind={kind}>
      {again && <Button kind="primary" onClick={() => void act.load()}>{text("try_again")}</Button>}
      {kind === "refused" && <Button kind="primary" onClick={act.useThisPage}>{text("reload")}</Button>}
    </Explained>
  );
}

/** The screen that explains what a code means. */
export function problemKind(code = "internal"): Kind {
  return code in KINDS ? (code as Kind) : "internal";
}

export function Explained({ kind, notice, reconnecting = false, children }: { kind: Kind; notice?: string; reconnecting?: boolean; children?: ComponentChildren }) {
  const text = useText();
  const { title, what, next, icon } = KINDS[kind];
  return (
    <Page screen={kind} title={text(title)}>
      <LineNotice down={reconnecting} />
      {notice && <Notice kind="warning">{noticeText(text, notice)}</Notice>}
      <div class={`explained explained-${icon}`}>
        <span class="explained-icon"><Icon name={icon} size={40} /></span>
        <div><p class="lead">{text(what)}</p><p>{text(next)}</p></div>
      </div>
      <div class="go">{children}</div>
    </Page>
  );
}
