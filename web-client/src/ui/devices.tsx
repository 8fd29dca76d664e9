// Microphone, camera and speaker: level, test sound and choice. Used before the call and in it.

import { useEffect, useRef, useState } from "preact/hooks";
import type { LocalMedia, LocalMediaState } from "../core/local-media";
import { watchLevel } from "../core/level";
import { play } from "../core/sound";
import { Button } from "./button";
import { useText } from "./hooks";
import type { Key } from "../core/text";
import type { DeviceChoice } from "../core/local-media";

/** What the device screens may do; the gallery hands in something that does nothing. */
export type MediaActions = Pick<LocalMedia, "chooseCamera" | "chooseMicrophone" | "chooseSpeaker" | "canChooseSpeaker">;

export function LevelMeter({ track, fixed }: { track?: MediaStreamTrack; fixed?: number }) {
  const text = useText();
  const bar = useRef<HTMLSpanElement>(null);
  const [heard, setHeard] = useState(false);
  useEffect(() => {
    const show = (level: number) => {
      if (bar.current) bar.current.style.transform = `scaleX(${level.toFixed(2)})`;
      if (level > 0.45) setHeard(true);
    };
    setHeard(false);
    if (fixed !== undefined) return show(fixed);
    if (track) return watchLevel(track, show);
    return undefined;
  }, [track, fixed]);
  return (
    <div class="level">
      <div class="level-track" aria-hidden="true"><span ref={bar} class="level-bar" /></div>
      <p class="level-word" role="status">{heard ? text("check.heard") : text("check.say_something")}</p>
    </div>
  );
}

export function SpeakerTest({ speakerId }: { speakerId?: string }) {
  const text = useText();
  const [state, setState] = useState<"" | "played" | "failed">("");
  return (
    <div class="speaker-test">
      <Button icon="speaker" onClick={() => play("test", speakerId).then(() => setState("played"), () => setState("failed"))}>{text("check.play_sound")}</Button>
      <p role="status" class="hint">{state === "played" ? text("check.played") : state === "failed" ? text("check.not_played") : ""}</p>
    </div>
  );
}

/** For whoever does not want to be seen, or does again. */
export function CameraSwitch({ media, state }: { media: MediaActions & Pick<LocalMedia, "setCameraOff">; state: LocalMediaState }) {
  const text = useText();
  if (!state.camera && !state.cameraOff) return null;
  return <Button kind="quiet" icon={state.camera ? "cameraOff" : "camera"} onClick={() => void media.setCameraOff(state.camera !== undefined)}>{text(state.camera ? "call.camera_off" : "call.camera_on")}</Button>;
}

export function DeviceChoices({ media, state }: { media: MediaActions; state: LocalMediaState }) {
  return (
    <div class="choices">
      <Choice label="devices.camera" choices={state.cameras} value={state.cameraId} onChange={(id) => void media.chooseCamera(id)} />
      <Choice label="devices.microphone" choices={state.microphones} value={state.microphoneId} onChange={(id) => void media.chooseMicrophone(id)} />
      {media.canChooseSpeaker && <Choice label="devices.speaker" choices={state.speakers} value={state.speakerId ?? "default"} onChange={(id) => media.chooseSpeaker(id)} />}
    </div>
  );
}

function Choice({ label, choices, value, onChange }: { label: Key; choices: DeviceChoice[]; value?: string; onChange(id: string): void }) {
  const text = useText();
  if (choices.length === 0) return null;
  return (
    <label class="field">
      <span>{text(label)}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {choices.map((choice, index) => <option value={choice.id}>{choice.label || text("devices.numbered", { number: index + 1 })}</option>)}
      </select>
    </label>
  );
}
