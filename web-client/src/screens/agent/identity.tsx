// The look at an identity card, beside the picture: the copy under its watermark, and what the agent says. It is a person's look and no proof, and the words
// say no more than that.

import { useEffect, useRef, useState } from "preact/hooks";
import type { AgentState } from "../../core/agent";
import type { Identity, IdentityResult } from "../../core/protocol";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Notice } from "../../ui/page";
import type { AgentActions } from "./view";

const RESULTS: IdentityResult[] = ["matches", "does_not_match", "not_needed"];

export function IdentityCheck({ at, act, name }: { at: AgentState; act: AgentActions; name: string }) {
  const text = useText();
  const [changing, setChanging] = useState(false);
  const hasCopy = at.documents?.some(({ kind }) => kind === "identity_copy") === true;
  const say = (result: IdentityResult) => {
    setChanging(false);
    void act.sayIdentity(result);
  };
  return (
    <section class="identity" aria-labelledby="identity-title">
      <h2 id="identity-title"><Icon name="card" />{text("identity.title")}</h2>
      <div role="status">{at.identity && <Said identity={at.identity} />}</div>
      {hasCopy && <Copy copy={at.copy} busy={at.busy} name={name} onLook={() => void act.lookAtCopy()} onAway={act.putCopyAway} />}
      {at.documents && !hasCopy && !at.identity && <p class="hint">{text("identity.no_copy")}</p>}
      {at.identity && !changing
        ? <Button kind="quiet" onClick={() => setChanging(true)}>{text("identity.change")}</Button>
        : <div class="identity-say" role="group" aria-label={text("identity.question", { name })}>
            <p>{text("identity.question", { name })}</p>
            {RESULTS.map((result) => <Button key={result} busy={at.busy} onClick={() => say(result)}>{text(`identity.say_${result}`)}</Button>)}
            {hasCopy && <p class="hint">{text("identity.destroys")}</p>}
          </div>}
    </section>
  );
}

function Said({ identity }: { identity: Identity }) {
  const text = useText();
  const said = text(`identity.said_${identity.result}`);
  return <Notice kind={identity.result === "does_not_match" ? "warning" : "info"}>{text("identity.seen", { name: identity.by ?? text("identity.somebody"), time: text.time(identity.at), said })}</Notice>;
}

function Copy({ copy, busy, name, onLook, onAway }: { copy: AgentState["copy"]; busy: boolean; name: string; onLook(): void; onAway(): void }) {
  const text = useText();
  const [large, setLarge] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const pages = copy?.pages;
  useEffect(() => {
    pages?.forEach((canvas, at) => {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", text("identity.page", { name, page: at + 1 }));
    });
    box.current?.replaceChildren(...(pages ?? []));
  }, [pages, name, text]);
  if (!copy) return <Button icon="card" busy={busy} onClick={onLook}>{text("identity.look")}</Button>;
  if (copy.problem) return <Notice kind="warning" action={<Button onClick={onLook}>{text("try_again")}</Button>}>{text("identity.cannot_show")}</Notice>;
  if (!pages) return <p role="status">{text("identity.opening")}</p>;
  return (
    <div class="identity-copy">
      {/* Nothing here is meant to be saved; a screenshot cannot be prevented, and says who made it. */}
      <div ref={box} class={`identity-pages ${large ? "identity-large" : ""}`} tabIndex={0} role="group" aria-label={text("identity.copy")} onContextMenu={(event) => event.preventDefault()} />
      <div class="go">
        <Button kind="quiet" onClick={() => setLarge(!large)}>{text(large ? "identity.smaller" : "identity.larger")}</Button>
        <Button kind="quiet" onClick={onAway}>{text("identity.away")}</Button>
      </div>
    </div>
  );
}
