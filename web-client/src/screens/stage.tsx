// The call as both sides see it: the others large, oneself small, the line in words, the controls underneath.

import { useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { LocalMediaState } from "../core/local-media";
import type { SeatState } from "../core/seat";
import type { GuestKind } from "../core/protocol";
import type { Key, Text } from "../core/text";
import { Button, Control } from "../ui/button";
import { DeviceChoices } from "../ui/devices";
import { Dialog } from "../ui/dialog";
import { useFocus, useStore, useSurroundings, useText, useTitle } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Announcer, LanguageSelect, Notice, PhoneLink } from "../ui/page";
import { RemoteView, SelfView } from "../ui/picture";
import type { MediaActionsFull } from "./citizen/view";
import { Talk, type TalkView } from "./talk";

interface StageProps {
  screen: string;
  title: string;
  seat: SeatState;
  media: LocalMediaState;
  mediaAct: MediaActionsFull;
  signalingDown: boolean;
  /** Nobody else is here: said in the middle of the stage. */
  alone?: ComponentChildren;
  facts?: ComponentChildren;
  onHangUp(): void;
  said?: string;
  side?: ComponentChildren;
  /** What people write to each other. */
  talk: TalkView;
  /** Something that did not work. */
  notice?: string;
  /** Something that the person is asked; it waits for the answer and hinders nothing. */
  question?: ComponentChildren;
}

export function Stage({ screen, title, seat, media, mediaAct, signalingDown, alone, facts, onHangUp, said, side, talk, notice, question }: StageProps) {
  const text = useText();
  const { phone } = useSurroundings();
  const [settings, setSettings] = useState(false);
  const { unread } = useStore(talk.chat);
  const [talking, setTalking] = useState(false);
  const message = useRef<HTMLTextAreaElement>(null);
  const heading = useFocus<HTMLHeadingElement>(screen);
  useTitle(`${title} – Visavis`);
  const line = lineKey(seat, signalingDown);
  const screens = seat.people.filter((person) => person.screenMedia);
  return (
    <div class={`call call-has-talk ${side ? "call-with-side" : ""} ${talking ? "call-talking" : ""}`} data-screen={screen}>
      <main class="stage-area">
        <div class="call-top">
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          {facts}
          <p class={`line line-${line.slice(5)}`} role="status"><Icon name={line === "line.good" ? "line0" : "warning"} size={20} /><span>{text(line)}</span></p>
          {phone && <p class="call-help"><span class="visually-hidden">{text("help.question")} </span><Icon name="phone" size={18} /><PhoneLink phone={phone} /></p>}
        </div>
        <div class="pictures">
        <div role="status" class="stage-notice">{seat.noMediaPath && <Notice kind="warning">{text("line.no_path")}</Notice>}{seat.overloaded && <Notice kind="info">{text("line.overloaded")}</Notice>}{notice && <Notice kind="warning">{notice}</Notice>}{question}</div>
        <div class={`tiles tiles-${Math.min(4, seat.people.length + screens.length)}`}>
          {screens.map((person) => (
            <RemoteView key={`${person.participant}s`} name={text("call.screen_of", { name: person.name })} media={person.screenMedia!} pictureOff={false} contain silent />
          ))}
          {seat.people.map((person) => (
            <RemoteView key={person.participant} name={person.name} badge={person.kind && text(`guest.kind_${person.kind}`)} media={person.media} speakerId={media.speakerId}
              pictureOff={!person.camera || person.unseen === true || person.presence === "away"}
              note={person.presence === "away" ? text("call.away") : person.unseen ? text("call.no_picture") : !person.microphone ? text("call.muted") : undefined} />
          ))}
          {alone && <div class="alone">{alone}</div>}
        </div>
        <SelfView preview={media.preview} away={media.facesAway} />
        </div>
        <div class="controls" role="group" aria-label={text("call.controls")}>
          <Control icon={media.muted ? "microphoneOff" : "microphone"} kind={media.muted ? "off" : "plain"} label={text(media.muted ? "call.unmute" : "call.mute")} onClick={() => mediaAct.setMuted(!media.muted)} />
          <Control icon={media.camera ? "camera" : "cameraOff"} kind={media.camera ? "plain" : "off"} label={text(media.camera ? "call.camera_off" : "call.camera_on")} onClick={() => void mediaAct.setCameraOff(media.camera !== undefined)} />
          {media.cameras.length > 1 && media.camera && <Control icon="switchCamera" label={text("call.switch_camera")} onClick={() => void mediaAct.switchCamera()} />}
          {mediaAct.canShareScreen && <Control icon="screen" kind={media.screen ? "off" : "plain"} label={text(media.screen ? "call.stop_screen" : "call.share_screen")} onClick={() => media.screen ? mediaAct.stopScreen() : void mediaAct.shareScreen()} />}
          <Control icon="message" label={text("chat.title")} count={unread} countLabel={text.count("chat.unread", unread)} onClick={() => message.current?.focus()} />
          <Control icon="settings" label={text("call.settings")} onClick={() => setSettings(true)} />
          <Control icon="hangUp" kind="danger" label={text("call.hang_up")} onClick={onHangUp} />
        </div>
        <Announcer>{said}</Announcer>
      </main>
      <aside class="call-talk" aria-label={text("talk.title")} onFocusIn={() => setTalking(true)} onFocusOut={(event) => !event.currentTarget.contains(event.relatedTarget as Node | null) && setTalking(false)}><Talk talk={talk} messageRef={message} /></aside>
      {side && <aside class="call-side">{side}</aside>}
      {settings && (
        <Dialog title={text("call.settings")} onClose={() => setSettings(false)}>
          <DeviceChoices media={mediaAct} state={media} />
          {media.cameraProblem && <p class="hint">{text("call.camera_failed")}</p>}
          <LanguageSelect />
          <div class="go"><Button kind="primary" onClick={() => setSettings(false)}>{text("done")}</Button></div>
        </Dialog>
      )}
    </div>
  );
}

/** A person with what they are, where that is not plain. */
export function nameOf(text: Text, person: { name: string; kind?: GuestKind }): string {
  return person.kind ? text("guest.named", { name: person.name, kind: text(`guest.kind_${person.kind}`) }) : person.name;
}

/** The worse of the two directions, in words. */
function lineKey(seat: SeatState, signalingDown: boolean): Extract<Key, `line.${string}`> {
  const words = [seat.uplink, seat.downlink];
  if (seat.interrupted || signalingDown || words.includes("lost")) return "line.lost";
  if (words.includes("poor")) return "line.poor";
  if (words.includes("fair")) return "line.fair";
  return "line.good";
}
