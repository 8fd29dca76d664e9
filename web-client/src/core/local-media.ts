// The person's own microphone, camera and screen: asked for, chosen, muted, given back. Knows no peer connection.

import { Store } from "./store";
import { readSetting, writeSetting } from "./device-id";

export type MediaProblem =
  /** The person or the browser said no. */
  | "denied"
  /** The operating system keeps the browser out. */
  | "denied_by_system"
  | "not_found"
  /** Another program holds the device. */
  | "in_use"
  | "unsupported"
  | "failed";

export interface LocalMediaState {
  /** `asking`: the browser's question is on screen. */
  step: "idle" | "asking" | "ready" | "failed";
  problem?: MediaProblem;
  /** Why one of the two is missing although the other works. */
  cameraProblem?: MediaProblem;
  microphoneProblem?: MediaProblem;
  microphone?: MediaStreamTrack;
  camera?: MediaStreamTrack;
  screen?: MediaStreamTrack;
  /** The camera's picture for the self view. */
  preview?: MediaStream;
  muted: boolean;
  cameraOff: boolean;
  cameras: DeviceChoice[];
  microphones: DeviceChoice[];
  speakers: DeviceChoice[];
  cameraId?: string;
  microphoneId?: string;
  speakerId?: string;
  /** The camera looks away from the person: its picture is shown as it is, not as a mirror. */
  facesAway: boolean;
}

export interface DeviceChoice {
  id: string;
  label: string;
}

const PICTURE: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class LocalMedia extends Store<LocalMediaState> {
  #opening = 0;
  #listening = false;

  constructor() {
    super({ step: "idle", muted: readSetting("muted") === "true", cameraOff: readSetting("camera-off") === "true", cameras: [], microphones: [], speakers: [], facesAway: false });
  }

  get canShareScreen(): boolean {
    return typeof navigator.mediaDevices?.getDisplayMedia === "function" && !matchMedia("(pointer: coarse) and (hover: none)").matches;
  }

  get canChooseSpeaker(): boolean {
    return "setSinkId" in HTMLMediaElement.prototype && this.get().speakers.length > 1;
  }

  /** Asks for microphone and camera; whatever of the two can be had is taken. */
  async open(wish: { camera: boolean } = { camera: true }): Promise<void> {
    const turn = ++this.#opening;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.set({ step: "failed", problem: "unsupported" });
      return;
    }
    this.#listen();
    if (this.#live("microphone") && (this.#live("camera") || !wish.camera || this.get().cameraOff)) {
      this.set({ step: "ready" });
      return;
    }
    this.#stop("microphone", "camera");
    this.set({ step: "asking", problem: undefined, cameraProblem: undefined, microphoneProblem: undefined });
    const wantCamera = wish.camera && !this.get().cameraOff;
    const got = await this.#get(wantCamera);
    if (turn !== this.#opening) {
      got.tracks.forEach((track) => track.stop());
      return;
    }
    for (const track of got.tracks) this.#adopt(track);
    this.set({ cameraProblem: got.cameraProblem, microphoneProblem: got.microphoneProblem });
    const any = got.tracks.length > 0;
    this.set(any ? { step: "ready", problem: undefined } : { step: "failed", problem: got.cameraProblem ?? got.microphoneProblem ?? "failed" });
    await this.refreshChoices();
  }

  /** Lets go of every device: the lights go out. */
  close(): void {
    this.#opening++;
    this.#stop("microphone", "camera", "screen");
    this.set({ step: "idle" });
  }

  setMuted(muted: boolean): void {
    const { microphone } = this.get();
    if (microphone) microphone.enabled = !muted;
    writeSetting("muted", String(muted));
    this.set({ muted });
  }

  /** Off lets go of the device, so that its light goes out. */
  async setCameraOff(off: boolean): Promise<void> {
    writeSetting("camera-off", String(off));
    if (off) {
      this.#stop("camera");
      this.set({ cameraOff: true });
      return;
    }
    this.set({ cameraOff: false });
    await this.chooseCamera(this.get().cameraId);
  }

  async chooseCamera(id: string | undefined, facing?: "user" | "environment"): Promise<void> {
    // Phones open one camera at a time: the old one goes first.
    this.#stop("camera");
    const wish = facing ? { facingMode: { ideal: facing } } : id ? { deviceId: { exact: id } } : { facingMode: { ideal: "user" } };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...PICTURE, ...wish } });
      this.#adopt(stream.getVideoTracks()[0]!);
      this.set({ cameraProblem: undefined, cameraOff: false, step: "ready" });
      writeSetting("camera-off", "false");
    } catch (error) {
      this.set({ cameraProblem: problemOf(error) });
    }
    await this.refreshChoices();
  }

  async chooseMicrophone(id: string): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...SOUND, deviceId: { exact: id } } });
      this.#stop("microphone");
      this.#adopt(stream.getAudioTracks()[0]!);
      this.set({ microphoneProblem: undefined, step: "ready" });
    } catch (error) {
      this.set({ microphoneProblem: problemOf(error) });
    }
    await this.refreshChoices();
  }

  chooseSpeaker(id: string): void {
    this.set({ speakerId: id });
  }

  /** The other one of front and back, or the next in the list. */
  async switchCamera(): Promise<void> {
    const { cameras, cameraId, camera } = this.get();
    const facing = camera?.getSettings().facingMode;
    if (facing === "user" || facing === "environment") return this.chooseCamera(undefined, facing === "user" ? "environment" : "user");
    const at = cameras.findIndex((choice) => choice.id === cameraId);
    const next = cameras[(at + 1) % cameras.length];
    if (next) await this.chooseCamera(next.id);
  }

  /** Resolves to false when the person changed their mind. */
  async shareScreen(): Promise<boolean> {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: false });
      const track = stream.getVideoTracks()[0]!;
      track.contentHint = "detail";
      track.onended = () => this.stopScreen();
      this.#stop("screen");
      this.set({ screen: track });
      return true;
    } catch {
      return false;
    }
  }

  stopScreen(): void {
    this.#stop("screen");
  }

  async refreshChoices(): Promise<void> {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => [] as MediaDeviceInfo[]);
    const of = (kind: MediaDeviceKind) =>
      all.filter((device) => device.kind === kind && device.deviceId !== "" && device.deviceId !== "communications")
        .map((device) => ({ id: device.deviceId, label: device.label }));
    const { camera, microphone } = this.get();
    this.set({
      cameras: of("videoinput"),
      microphones: of("audioinput"),
      speakers: of("audiooutput"),
      cameraId: camera?.getSettings().deviceId ?? this.get().cameraId,
      microphoneId: microphone?.getSettings().deviceId ?? this.get().microphoneId,
    });
  }

  async #get(wantCamera: boolean): Promise<{ tracks: MediaStreamTrack[]; cameraProblem?: MediaProblem; microphoneProblem?: MediaProblem }> {
    const video = { ...PICTURE, facingMode: { ideal: "user" } };
    if (wantCamera) {
      try {
        return { tracks: (await navigator.mediaDevices.getUserMedia({ audio: SOUND, video })).getTracks() };
      } catch (error) {
        const problem = problemOf(error);
        // A plain "no" is an answer: asking again for each alone would be a second and third question.
        if (problem === "denied" && !(await mixedPermission())) return { tracks: [], cameraProblem: problem, microphoneProblem: problem };
      }
    }
    const one = async (constraints: MediaStreamConstraints) => {
      try {
        return { track: (await navigator.mediaDevices.getUserMedia(constraints)).getTracks()[0] };
      } catch (error) {
        return { problem: problemOf(error) };
      }
    };
    const microphone: { track?: MediaStreamTrack; problem?: MediaProblem } = await one({ audio: SOUND });
    const camera: { track?: MediaStreamTrack; problem?: MediaProblem } = wantCamera ? await one({ video }) : {};
    return {
      tracks: [microphone.track, camera.track].filter((track): track is MediaStreamTrack => track !== undefined),
      microphoneProblem: microphone.problem,
      cameraProblem: camera.problem,
    };
  }

  #adopt(track: MediaStreamTrack): void {
    if (track.kind === "audio") {
      track.contentHint = "speech";
      track.enabled = !this.get().muted;
      track.onended = () => this.#unplugged("microphone", track);
      this.set({ microphone: track });
    } else {
      track.contentHint = "motion";
      track.onended = () => this.#unplugged("camera", track);
      this.set({ camera: track, preview: new MediaStream([track]), facesAway: track.getSettings().facingMode === "environment" });
    }
  }

  #unplugged(kind: "microphone" | "camera", track: MediaStreamTrack): void {
    if (this.get()[kind] !== track) return;
    this.#stop(kind);
    if (kind === "microphone") void this.chooseMicrophone("default");
    else this.set({ cameraProblem: "not_found" });
    void this.refreshChoices();
  }

  #live(kind: "microphone" | "camera"): boolean {
    return this.get()[kind]?.readyState === "live";
  }

  #stop(...kinds: ("microphone" | "camera" | "screen")[]): void {
    for (const kind of kinds) {
      const track = this.get()[kind];
      if (!track) continue;
      track.onended = null;
      track.stop();
      this.set(kind === "camera" ? { camera: undefined, preview: undefined } : { [kind]: undefined });
    }
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    navigator.mediaDevices.addEventListener("devicechange", () => void this.refreshChoices());
  }
}

/** One of the two is allowed although the other is not: worth asking for the allowed one alone. */
async function mixedPermission(): Promise<boolean> {
  const state = async (name: string) => {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      return undefined;
    }
  };
  const [camera, microphone] = [await state("camera"), await state("microphone")];
  return camera !== microphone && (camera === "granted" || microphone === "granted");
}

function problemOf(error: unknown): MediaProblem {
  const { name, message } = error as { name?: string; message?: string };
  switch (name) {
    case "NotAllowedError": return /system/i.test(message ?? "") ? "denied_by_system" : "denied";
    case "SecurityError": return "denied";
    case "NotFoundError": case "OverconstrainedError": case "DevicesNotFoundError": return "not_found";
    case "NotReadableError": case "AbortError": case "TrackStartError": return "in_use";
    default: return "failed";
  }
}
