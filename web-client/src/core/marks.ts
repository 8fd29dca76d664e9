// Leaves the moments of a call as User Timing entries, for benches and for whoever opens the browser's tools.

let framePending = false;

export function markAnswer(): void {
  performance.mark("visavis:answer");
}

/** The server admitted: from here the first frame is awaited. */
export function markAdmitted(): void {
  performance.mark("visavis:admitted");
  framePending = true;
}

/** Marks the first decoded picture that this element shows after the admission. */
export function watchFirstFrame(video: HTMLVideoElement): () => void {
  if (!framePending || typeof video.requestVideoFrameCallback !== "function") return () => undefined;
  const handle = video.requestVideoFrameCallback(() => {
    if (!framePending) return;
    framePending = false;
    performance.mark("visavis:first-frame");
    try {
      performance.measure("visavis:answer-to-first-frame", "visavis:answer", "visavis:first-frame");
    } catch {
      performance.measure("visavis:admitted-to-first-frame", "visavis:admitted", "visavis:first-frame");
    }
  });
  return () => video.cancelVideoFrameCallback(handle);
}
