// The agent in the call: the citizen large, the consultation's facts and its end beside.

import { useState } from "preact/hooks";
import type { Outcome } from "../../core/protocol";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { useNow, useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Notice } from "../../ui/page";
import { noticeText } from "../notices";
import { Stage } from "../stage";
import { Assured } from "./desk";
import { CitizenDocuments } from "./documents";
import { GuestList, InviteDialog, LinkDialog } from "./guests";
import { IdentityCheck } from "./identity";
import type { AgentView } from "./view";

const OUTCOMES: Outcome[] = ["done", "follow_up", "not_served"];

export function AgentCall({ at, media, seat, talk, act, mediaAct, fixed }: AgentView) {
  const text = useText();
  const [closing, setClosing] = useState(fixed?.dialog === "close");
  const [inviting, setInviting] = useState(fixed?.dialog === "invite");
  const state = at.state!;
  const citizen = state.participants.find((person) => person.role === "citizen");
  const row = at.rows.find((one) => one.appointment === state.appointment);
  const name = citizen?.name ?? row?.name ?? state.reference;
  return (
    <>
      <Stage screen="agent_call" talk={talk} title={text("call.title", { name })} seat={seat} media={media} mediaAct={mediaAct} signalingDown={at.line !== "ready"}
        onHangUp={act.hangUp} facts={<Timer since={at.callSince} end={state.end} fixedNow={fixed?.now} />}
        alone={seat.people.length === 0 && <><Icon name="person" size={48} /><p class="alone-title">{text("call.citizen_left", { name })}</p><p>{text("call.citizen_left_what")}</p></>}
        said={at.knocked && !seat.people.some((person) => person.name === at.knocked?.name) ? text("guests.said", { name: at.knocked.name }) : seat.people.length === 0 ? text("call.citizen_left", { name }) : citizen?.presence === "away" ? text("call.away_said", { name }) : undefined}
        side={<>
          <h2>{name}</h2>
          {row && <p><Assured row={row} /></p>}
          <dl class="facts">
            <div><dt>{text("appointment.reference")}</dt><dd class="reference">{state.reference}</dd></div>
            <div><dt>{text("desk.slot")}</dt><dd>{text("appointment.span", { start: text.time(state.start), end: text.time(state.end) })}</dd></div>
          </dl>
          <div role="status">{at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}</div>
          <IdentityCheck at={at} act={act} name={name} />
          <CitizenDocuments appointment={state.appointment} documents={at.documents} busy={at.busy} onLook={() => void act.lookForDocuments()} />
          <GuestList guests={state.guests ?? []} citizen={name} busy={at.busy} act={act} onInvite={() => setInviting(true)} />
          <div class="side-actions">
            <Button icon="back" busy={at.busy} described="put-back-hint" onClick={act.putBack}>{text("call.put_back")}</Button>
            <p id="put-back-hint" class="hint">{text("call.put_back_hint")}</p>
            <Button kind="danger" icon="done" busy={at.busy} described="close-hint" onClick={() => setClosing(true)}>{text("call.close")}</Button>
            <p id="close-hint" class="hint">{text("call.close_hint")}</p>
          </div>
        </>} />
      {inviting && !at.invited && <InviteDialog busy={at.busy} onClose={() => setInviting(false)} onInvite={(kind, who, direct) => { setInviting(false); void act.invite(kind, who, direct); }} />}
      {at.invited && <LinkDialog {...at.invited} onClose={act.forgetInvited} />}
      {closing && <CloseDialog name={name} onClose={() => setClosing(false)} onConfirm={(outcome) => { setClosing(false); void act.close(outcome); }} />}
    </>
  );
}

/** Discreet: a call is never cut at its end, the agent only sees the time. */
function Timer({ since, end, fixedNow }: { since?: number; end: string; fixedNow?: number }) {
  const text = useText();
  const ticking = useNow();
  const now = fixedNow ?? ticking;
  const seconds = since ? Math.max(0, Math.floor((now - since) / 1000)) : 0;
  const over = now > Date.parse(end);
  const clock = `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
  return <p class={`timer ${over ? "timer-over" : ""}`}><Icon name="clock" size={18} /><span class="visually-hidden">{text("call.lasted")} </span><span>{clock}</span>{over && <span class="visually-hidden"> {text("call.over_time")}</span>}</p>;
}

function CloseDialog({ name, onClose, onConfirm }: { name: string; onClose(): void; onConfirm(outcome: Outcome): void }) {
  const text = useText();
  const [outcome, setOutcome] = useState<Outcome>("done");
  return (
    <Dialog title={text("close.title", { name })} onClose={onClose}>
      <p>{text("close.what")}</p>
      <fieldset class="outcomes">
        <legend>{text("close.outcome")}</legend>
        {OUTCOMES.map((one) => (
          <label class="radio"><input type="radio" name="outcome" value={one} checked={outcome === one} onChange={() => setOutcome(one)} /><span>{text(`close.${one}`)}</span></label>
        ))}
      </fieldset>
      <div class="go"><Button kind="danger" icon="done" onClick={() => onConfirm(outcome)}>{text("close.confirm")}</Button><Button kind="quiet" onClick={onClose}>{text("cancel")}</Button></div>
    </Dialog>
  );
}
