// A local account sets up its second factor: an app on the phone, a code to prove it, codes for the day on which the phone is lost.

import { useEffect, useRef, useState } from "preact/hooks";
import type { SecondFactorOffer } from "../../core/protocol";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Notice, Page } from "../../ui/page";
import { QrPicture } from "../../ui/qr";

export function SetUp({ offer, problem, busy, onCode }: { offer: SecondFactorOffer; problem?: string; busy: boolean; onCode(code: string): void }) {
  const text = useText();
  const [code, setCode] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (problem) field.current?.focus();
  }, [problem]);
  const invalid = problem !== undefined || undefined;
  return (
    <Page screen="second_factor" title={text("factor.title")} lead={text("factor.lead")}>
      <form class="sign-in card" noValidate onSubmit={(event) => { event.preventDefault(); if (code.trim()) onCode(code.trim()); }}>
        <div role="alert" id="factor-problem">{problem && <Notice kind="warning">{problem}</Notice>}</div>
        <p>{text("factor.scan")}</p>
        <figure class="factor-qr"><QrPicture rows={offer.qr} label={text("factor.qr")} /></figure>
        <p>{text("factor.type")}<br /><code class="factor-secret">{offer.secret}</code></p>
        <div class="field">
          <label for="code">{text("factor.code")}</label>
          <input ref={field} id="code" name="code" type="text" inputMode="numeric" autoComplete="one-time-code" required maxLength={7} value={code} aria-invalid={invalid} aria-describedby={invalid && "factor-problem"} onInput={(event) => setCode(event.currentTarget.value)} />
        </div>
        <div class="go"><Button kind="primary" submit busy={busy}>{text("factor.confirm")}</Button></div>
      </form>
    </Page>
  );
}

export function RecoveryCodes({ codes, onKept }: { codes: string[]; onKept(): void }) {
  const text = useText();
  return (
    <Page screen="recovery_codes" title={text("factor.codes_title")} lead={text("factor.codes_lead")}>
      <ul class="factor-codes">{codes.map((code) => <li><code>{code}</code></li>)}</ul>
      <p>{text("factor.codes_keep")}</p>
      <div class="go">
        <Button icon="card" onClick={() => print()}>{text("factor.print")}</Button>
        <Button kind="primary" icon="check" onClick={onKept}>{text("factor.kept")}</Button>
      </div>
    </Page>
  );
}
