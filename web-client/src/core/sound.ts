// Short tones made on the spot: the speaker test, the ringing, somebody arriving. Loads no file.

const RATE = 16_000;

/** Frequency in Hz, start and length in seconds. */
type Note = [hz: number, at: number, long: number];

const TUNES: Record<"test" | "ring" | "arrival", { notes: Note[]; seconds: number }> = {
  test: { notes: [[523, 0, 0.35], [659, 0.3, 0.35], [784, 0.6, 0.7]], seconds: 1.4 },
  ring: { notes: [[659, 0, 0.45], [784, 0.25, 0.6], [659, 0.9, 0.45], [784, 1.15, 0.6]], seconds: 3 },
  arrival: { notes: [[587, 0, 0.3], [880, 0.18, 0.6]], seconds: 0.9 },
};

const made = new Map<string, string>();
let ringing: HTMLAudioElement | undefined;

/** Resolves when the sound has started; rejects when the browser wants a click first. */
export async function play(tune: "test" | "arrival", speakerId?: string): Promise<void> {
  await start(new Audio(urlOf(tune)), speakerId);
}

export function startRinging(speakerId?: string): void {
  stopRinging();
  ringing = new Audio(urlOf("ring"));
  ringing.loop = true;
  start(ringing, speakerId).catch(() => undefined);
  vibrate();
}

export function stopRinging(): void {
  if (!ringing) return;
  ringing.pause();
  ringing = undefined;
  navigator.vibrate?.(0);
}

export function vibrate(): void {
  try {
    navigator.vibrate?.([400, 250, 400, 1200, 400, 250, 400]);
  } catch {
    // Not every browser lets a page do so.
  }
}

async function start(audio: HTMLAudioElement, speakerId?: string): Promise<void> {
  if (speakerId && "setSinkId" in audio) await (audio as HTMLAudioElement & { setSinkId(id: string): Promise<void> }).setSinkId(speakerId).catch(() => undefined);
  await audio.play();
}

function urlOf(name: keyof typeof TUNES): string {
  let url = made.get(name);
  if (!url) made.set(name, (url = URL.createObjectURL(wave(TUNES[name].notes, TUNES[name].seconds))));
  return url;
}

/** A mono 16-bit WAV with soft beginnings and long ends. */
function wave(notes: Note[], seconds: number): Blob {
  const samples = Math.round(RATE * seconds);
  const view = new DataView(new ArrayBuffer(44 + samples * 2));
  const text = (at: number, value: string) => [...value].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + samples * 2, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, RATE * 2, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, samples * 2, true);
  for (let i = 0; i < samples; i++) {
    let sum = 0;
    for (const [hz, at, long] of notes) {
      const t = i / RATE - at;
      if (t < 0 || t > long) continue;
      const loud = Math.min(1, t / 0.015) * Math.exp((-4 * t) / long) * Math.min(1, (long - t) / 0.02);
      sum += loud * (Math.sin(2 * Math.PI * hz * t) + 0.25 * Math.sin(4 * Math.PI * hz * t));
    }
    view.setInt16(44 + i * 2, Math.max(-1, Math.min(1, sum * 0.45)) * 32_000, true);
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
