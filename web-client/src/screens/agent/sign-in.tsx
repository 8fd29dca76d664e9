// Name and password, and a code where the account has a second factor; or the organisation's own sign-in. What went wrong is said at the form and belongs to its fields.

import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Notice, Page } from "../../ui/page";
import { noticeText } from "../notices";
import { RecoveryCodes, SetUp } from "./second-factor";
import type { AgentView } from "./view";

export function SignIn({ at, act }: AgentView) {
  const text = useText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [missing, setMissing] = useState(false);
  const problem = missing ? text("sign_in.missing") : at.notice === "slow_down" ? text.count("sign_in.slow_down", at.retryAfterS ?? 30)
    : at.notice ? noticeText(text, at.notice) : undefined;
  const field = useRef<HTMLInputElement>(null);
  const codeField = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (problem) (codeField.current ?? field.current)?.focus();
  }, [problem]);
  useEffect(() => {
    if (at.codeNeeded) codeField.current?.focus();
  }, [at.codeNeeded]);
  if (at.recoveryCodes) return <RecoveryCodes codes={at.recoveryCodes} onKept={act.toDesk} />;
  if (at.offer) return <SetUp offer={at.offer} problem={problem} busy={at.busy} onCode={(code) => void act.confirmSecondFactor(username.trim(), password, code)} />;
  const submit = (event: Event) => {
    event.preventDefault();
    const incomplete = username.trim() === "" || password === "" || (at.codeNeeded === true && code.trim() === "");
    setMissing(incomplete);
    if (!incomplete) void act.signIn(username.trim(), password, at.codeNeeded ? code.trim() : undefined);
  };
  const invalid = problem !== undefined || undefined;
  const described = invalid && "sign-in-problem";
  return (
    <Page screen="sign_in" title={text("sign_in.title")} lead={text("sign_in.lead")}>
      <form class="sign-in card" onSubmit={submit} noValidate>
        <div role="alert" id="sign-in-problem">{problem && <Notice kind="warning">{problem}</Notice>}</div>
        {at.provider && <div class="go"><Button kind="primary" icon="lock" busy={at.busy} onClick={() => void act.signInAtProvider(text.language)}>{text("sign_in.provider")}</Button></div>}
        <label class="field">
          <span>{text("sign_in.username")}</span>
          <input ref={field} name="username" type="text" autoComplete="username" autoCapitalize="none" spellcheck={false} required value={username} aria-invalid={invalid} aria-describedby={described} onInput={(event) => setUsername(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>{text("sign_in.password")}</span>
          <input name="password" type="password" autoComplete="current-password" required maxLength={128} value={password} aria-invalid={invalid} aria-describedby={described} onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        {at.codeNeeded && (
          <div class="field">
            <label for="code">{text("sign_in.code")}</label>
            <p class="hint" id="code-hint">{text("sign_in.code_hint")}</p>
            <input ref={codeField} id="code" name="code" type="text" autoComplete="one-time-code" autoCapitalize="none" spellcheck={false} required value={code} aria-invalid={invalid} aria-describedby={["code-hint", described].filter(Boolean).join(" ")} onInput={(event) => setCode(event.currentTarget.value)} />
          </div>
        )}
        <div class="go"><Button kind={at.provider ? "plain" : "primary"} submit busy={at.busy}>{text("sign_in.submit")}</Button></div>
      </form>
    </Page>
  );
}
