// Third persons beside the call: whom the agent invited, how far they have come, and the link that is shown once.

import { useState } from "preact/hooks";
import { NAME_CHARACTERS_MAX, fitName } from "../../core/name";
import type { Guest, GuestKind } from "../../core/protocol";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { QrPicture } from "../../ui/qr";
import type { AgentActions } from "./view";

const KINDS: GuestKind[] = ["interpreter", "relative", "companion", "expert", "other"];

interface GuestListProps {
  guests: Guest[];
  citizen: string;
  busy: boolean;
  act: Pick<AgentActions, "letIn" | "putBackGuest" | "removeGuest" | "revoke">;
  onInvite(): void;
}

export function GuestList({ guests, citizen, busy, act, onInvite }: GuestListProps) {
  const text = useText();
  return (
    <section class="guests" aria-labelledby="guests-title">
      <h2 id="guests-title">{text("guests.title")}</h2>
      {guests.length > 0 && (
        <ul>
          {guests.map((guest) => {
            const { name } = guest;
            return (
              <li key={guest.guest} class={guest.state === "knocking" ? "guest-knocks" : ""}>
                <p><strong>{name}</strong> <span class="guest-kind">{text(`guest.kind_${guest.kind}`)}</span></p>
                <p class="person-more">
                  {guest.presence === "away" && guest.participant !== undefined ? text("desk.away") : text(`guests.${guest.state}`)}
                  {guest.agreed !== true && <> · {text(guest.agreed === null ? "guests.asked" : "guests.refused", { name: citizen })}</>}
                </p>
                <div class="guest-do">
                  {guest.state === "knocking" && guest.agreed && <Button kind="primary" icon="door" busy={busy} onClick={() => void act.letIn(guest)}>{text("guests.let_in", { name })}</Button>}
                  {guest.state === "in_call" && <Button icon="back" busy={busy} onClick={() => void act.putBackGuest(guest)}>{text("guests.put_back", { name })}</Button>}
                  {guest.state === "in_call"
                    ? <Button kind="quiet" icon="leave" busy={busy} onClick={() => void act.removeGuest(guest)}>{text("guests.remove", { name })}</Button>
                    : <Button kind="quiet" icon="leave" busy={busy} onClick={() => void act.revoke(guest)}>{text("guests.revoke", { name })}</Button>}
                </div>
              </li>
            );
          })}
        </ul>
      )}
      <Button icon="person" onClick={onInvite}>{text("guests.invite")}</Button>
    </section>
  );
}

export function InviteDialog({ busy, onClose, onInvite }: { busy: boolean; onClose(): void; onInvite(kind: GuestKind, name: string, direct: boolean): void }) {
  const text = useText();
  const [kind, setKind] = useState<GuestKind>("interpreter");
  const [name, setName] = useState("");
  const [direct, setDirect] = useState(false);
  // Who is invited by what they do alone is called that until they say their name.
  const said = fitName(name) || text(`guest.kind_${kind}`);
  return (
    <Dialog title={text("guests.invite")} onClose={onClose}>
      <form class="invite" onSubmit={(event) => { event.preventDefault(); onInvite(kind, said, direct); }}>
        <label class="field"><span>{text("guests.kind")}</span>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as GuestKind)}>
            {KINDS.map((one) => <option value={one}>{text(`guest.kind_${one}`)}</option>)}
          </select>
        </label>
        <label class="field"><span>{text("guests.name")}</span><input type="text" autoComplete="off" maxLength={NAME_CHARACTERS_MAX} value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label class="radio"><input type="checkbox" checked={direct} onChange={(event) => setDirect(event.currentTarget.checked)} /><span>{text("guests.direct")}</span></label>
        <div class="go"><Button kind="primary" icon="person" submit busy={busy}>{text("guests.make")}</Button><Button kind="quiet" onClick={onClose}>{text("cancel")}</Button></div>
      </form>
    </Dialog>
  );
}

export function LinkDialog({ name, url, qr, onClose }: { name: string; url: string; qr: string[]; onClose(): void }) {
  const text = useText();
  const [copied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard?.writeText(url).then(() => setCopied(true), () => undefined);
  };
  return (
    <Dialog title={text("guests.link_title", { name })} onClose={onClose}>
      <div class="invite">
        <p>{text("guests.link_hint")}</p>
        <label class="field"><span>{text("guests.link")}</span><input type="text" readOnly value={url} onFocus={(event) => event.currentTarget.select()} /></label>
        <div class="go"><Button kind="primary" icon={copied ? "check" : "message"} onClick={copy}>{text("guests.copy")}</Button><Button kind="quiet" onClick={onClose}>{text("done")}</Button></div>
        <p role="status" class="hint">{copied && <><Icon name="check" size={18} /> {text("guests.copied")}</>}</p>
        <QrPicture rows={qr} label={text("guests.qr")} />
      </div>
    </Dialog>
  );
}
