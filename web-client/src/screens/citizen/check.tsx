// Camera, microphone and speaker before the waiting room. Permission is asked here, and a "no" is answered with help.

import { useState } from "preact/hooks";
import { NAME_CHARACTERS_MAX, fitName } from "../../core/name";
import { Button } from "../../ui/button";
import { CameraSwitch, DeviceChoices, LevelMeter, SpeakerTest } from "../../ui/devices";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Card, LineNotice, Notice, Page } from "../../ui/page";
import { SelfView } from "../../ui/picture";
import { helpFor } from "../browser-help";
import { noticeText } from "../notices";
import type { CitizenView } from "./view";

export function Check(view: CitizenView) {
  const { at, media, act, mediaAct, fixed } = view;
  const text = useText();
  const early = at.link?.phase === "too_early";
  const denied = media.step === "failed" && (media.problem === "denied" || media.problem === "denied_by_system");
  if (media.step === "asking" || media.step === "idle") {
    return (
      <Page screen="check_asking" title={text("check.asking_title")} lead={text("check.asking_lead")}>
        <Card tone="warm">
          <p class="asking"><Icon name="camera" size={40} /><Icon name="microphone" size={40} /></p>
          <p>{text("check.asking_how")}</p>
          <p class="hint">{text("check.asking_private")}</p>
        </Card>
        <div class="go"><Button kind="quiet" icon="back" onClick={act.toWelcome}>{text("back")}</Button></div>
      </Page>
    );
  }
  if (denied) return <Denied {...view} />;
  return (
    <Page screen="check" title={text("check.title")} lead={text("check.lead")}>
      <LineNotice down={at.line === "reconnecting"} />
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <Verdict {...view} />
      <div class="check">
        <div class="check-picture">
          <SelfView preview={media.preview} away={media.facesAway} hint={media.cameraProblem ? text("check.no_camera_short") : undefined} />
          <CameraSwitch media={mediaAct} state={media} />
        </div>
        <div class="check-tests">
          <section>
            <h2><Icon name="microphone" />{text("check.microphone")}</h2>
            {media.microphone || fixed ? <LevelMeter track={media.microphone} fixed={fixed?.level} /> : <p>{text("check.no_microphone_short")}</p>}
          </section>
          <section>
            <h2><Icon name="speaker" />{text("check.speaker")}</h2>
            <SpeakerTest speakerId={media.speakerId} />
          </section>
          <details>
            <summary>{text("check.choose")}</summary>
            <DeviceChoices media={mediaAct} state={media} />
          </details>
        </div>
      </div>
      {at.link?.guest && <Knock {...view} />}
      <div class="go">
        {at.link?.guest ? null : early
          ? <p class="hint">{text("check.early_done")}</p>
          : <Button kind="primary" icon="check" busy={at.busy} onClick={act.arrive}>{text("check.join")}</Button>}
        {media.problem || media.cameraProblem || media.microphoneProblem
          ? <Button icon="camera" onClick={() => void mediaAct.open()}>{text("try_again")}</Button> : null}
        <Button kind="quiet" icon="back" onClick={act.toWelcome}>{text("back")}</Button>
      </div>
      {!early && !at.link?.guest && <p class="hint">{text("check.join_hint")}</p>}
    </Page>
  );
}

/** A guest says who they are and agrees, then knocks. */
function Knock({ at, act }: CitizenView) {
  const text = useText();
  const [name, setName] = useState("");
  const [agreed, setAgreed] = useState(false);
  const [missing, setMissing] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    const said = fitName(name);
    const incomplete = said === "" || !agreed;
    setMissing(incomplete);
    if (!incomplete) void act.knock(said);
  };
  const invalid = missing || undefined;
  return (
    <form class="card knock" onSubmit={submit} noValidate>
      <div role="alert" id="knock-problem">{missing && <Notice kind="warning">{text("guest.knock_missing")}</Notice>}</div>
      <label class="field">
        <span>{text("guest.name")}</span>
        <input name="name" type="text" autoComplete="name" required maxLength={NAME_CHARACTERS_MAX} value={name} aria-invalid={invalid} aria-describedby={missing ? "knock-problem knock-name" : "knock-name"} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <p class="hint" id="knock-name">{text("guest.name_hint")}</p>
      <label class="radio"><input type="checkbox" checked={agreed} required aria-invalid={invalid} onChange={(event) => setAgreed(event.currentTarget.checked)} /><span>{text("guest.consent")}</span></label>
      <div class="go"><Button kind="primary" icon="door" submit busy={at.busy}>{text("guest.knock")}</Button></div>
    </form>
  );
}

/** What was found, in plain words. */
function Verdict({ media }: CitizenView) {
  const text = useText();
  if (media.microphone && media.camera) return <Notice kind="good">{text("verdict.all")}</Notice>;
  if (media.microphone && media.cameraOff && !media.cameraProblem) return <Notice kind="info">{text("verdict.camera_off")}</Notice>;
  if (media.microphone) {
    return <Notice kind="info">{text(media.cameraProblem === "in_use" ? "verdict.camera_in_use" : media.cameraProblem === "denied" ? "verdict.camera_denied" : "verdict.no_camera")}</Notice>;
  }
  if (media.camera) return <Notice kind="warning">{text(media.microphoneProblem === "in_use" ? "verdict.microphone_in_use" : "verdict.no_microphone")}</Notice>;
  return <Notice kind="warning">{text(media.problem === "in_use" ? "verdict.both_in_use" : media.problem === "unsupported" ? "verdict.unsupported" : "verdict.nothing")}</Notice>;
}

function Denied({ at, media, act, mediaAct }: CitizenView) {
  const text = useText();
  const help = helpFor(navigator.userAgent, media.problem === "denied_by_system");
  return (
    <Page screen="check_denied" title={text("denied.title")} lead={text("denied.lead")}>
      <Card tone="warm">
        <h2>{text(help.title)}</h2>
        <ol class="steps">{help.steps.map((step) => <li>{text(step)}</li>)}</ol>
      </Card>
      <div class="go">
        <Button kind="primary" icon="camera" onClick={() => void mediaAct.open()}>{text("try_again")}</Button>
        <Button icon="microphone" onClick={() => void mediaAct.open({ camera: false })}>{text("denied.without_camera")}</Button>
        <Button kind="quiet" icon="back" onClick={act.toWelcome}>{text("back")}</Button>
      </div>
      <p class="hint">{text(at.link?.phase === "too_early" ? "denied.later" : "denied.phone")}</p>
    </Page>
  );
}
