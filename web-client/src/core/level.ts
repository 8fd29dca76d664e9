// How loud a microphone is, 0 to 1, a few times a second. Knows no screen.

export function watchLevel(track: MediaStreamTrack, tell: (level: number) => void): () => void {
  let context: AudioContext;
  try {
    context = new AudioContext();
  } catch {
    return () => undefined;
  }
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  source.connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  const timer = setInterval(() => {
    if (context.state === "suspended") void context.resume().catch(() => undefined);
    analyser.getByteTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += ((sample - 128) / 128) ** 2;
    // Speech lies between about −50 and −10 dB; the ear hears in dB.
    const db = 10 * Math.log10(sum / samples.length + 1e-9);
    tell(Math.max(0, Math.min(1, (db + 55) / 45)));
  }, 80);
  return () => {
    clearInterval(timer);
    source.disconnect();
    void context.close();
  };
}
