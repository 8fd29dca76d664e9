// The pictures: one's own as a mirror, the others' with their sound. Plays by itself where the browser lets it.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { watchFirstFrame } from "../core/marks";
import { Button } from "./button";
import { useText } from "./hooks";
import { Icon } from "./icon";

/**
 * A video element that leaves the page holds the camera's last frames until it is collected, and the camera has few to lend:
 * without this the picture stands still for two seconds in every second call, just when the encoder starts.
 */
function useRelease(ref: { current: HTMLVideoElement | null }): void {
  useLayoutEffect(() => {
    const video = ref.current;
    return () => {
      if (video) video.srcObject = null;
    };
  }, []);
}

export function SelfView({ preview, away, hint }: { preview?: MediaStream; away: boolean; hint?: ComponentChildren }) {
  const text = useText();
  const ref = useRef<HTMLVideoElement>(null);
  useRelease(ref);
  useLayoutEffect(() => {
    const video = ref.current;
    if (!video) return;
    video.muted = true;
    if (video.srcObject !== (preview ?? null)) video.srcObject = preview ?? null;
    if (preview) video.play().catch(() => undefined);
  }, [preview]);
  return (
    <div class={`self ${preview ? "" : "self-empty"}`}>
      <video ref={ref} class={away ? "" : "mirror"} aria-label={text("self")} muted autoPlay playsInline hidden={!preview} />
      {!preview && <div class="self-hint"><Icon name="cameraOff" size={28} /><span>{hint ?? text("self.off")}</span></div>}
    </div>
  );
}

interface RemoteViewProps {
  name: string;
  media: MediaStream;
  /** No picture is to be expected: the initials are shown, the sound goes on. */
  pictureOff: boolean;
  note?: string;
  /** As what a guest takes part. */
  badge?: string;
  speakerId?: string;
  contain?: boolean;
  silent?: boolean;
}

export function RemoteView({ name, media, pictureOff, note, badge, speakerId, contain = false, silent = false }: RemoteViewProps) {
  const text = useText();
  const ref = useRef<HTMLVideoElement>(null);
  useRelease(ref);
  const [refused, setRefused] = useState(false);
  const play = () => ref.current?.play().then(() => setRefused(false), (error: Error) => error.name === "NotAllowedError" && setRefused(true));
  // Before the first paint, not after it: the first frame is already on its way.
  useLayoutEffect(() => {
    const video = ref.current;
    if (!video) return;
    if (video.srcObject !== media) video.srcObject = media;
    void play();
    const added = () => void play();
    media.addEventListener("addtrack", added);
    const unwatch = watchFirstFrame(video);
    return () => {
      media.removeEventListener("addtrack", added);
      unwatch();
    };
  }, [media]);
  // Any tap is leave to play for the whole page: nobody has to tap on each person.
  useEffect(() => {
    if (!refused) return;
    const again = () => void play();
    document.addEventListener("click", again);
    return () => document.removeEventListener("click", again);
  }, [refused]);
  useEffect(() => {
    const video = ref.current as (HTMLVideoElement & { setSinkId?(id: string): Promise<void> }) | null;
    if (speakerId) video?.setSinkId?.(speakerId).catch(() => undefined);
  }, [speakerId]);
  return (
    <div class={`tile ${pictureOff ? "tile-off" : ""}`}>
      <video ref={ref} class={contain ? "contain" : ""} aria-label={name} autoPlay playsInline muted={silent} />
      {pictureOff && <div class="tile-initials" aria-hidden="true"><span>{initials(name)}</span></div>}
      <p class="tile-name" aria-hidden={note || badge ? undefined : "true"}>{name}{badge && <span class="tile-badge">{badge}</span>}{note && <span class="tile-note">{note}</span>}</p>
      {refused && <div class="tile-refused"><Button kind="primary" icon="speaker">{text("call.tap_to_hear")}</Button></div>}
    </div>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words[words.length - 1] : ""].map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase();
}
