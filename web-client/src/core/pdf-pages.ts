// The first pages of a PDF as canvases. Loaded when there is a PDF to show, and never before. Nothing of the file runs: no script, no form, no link, no annotation.

import { AnnotationMode, GlobalWorkerOptions, getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";

/** Where the build put the reading thread. */
declare const __PDF_WORKER__: string;

/** Both sides of a card, and what a scanner puts around them. */
const PAGES_MAX = 4;
const WIDTH = 1_400;
const PATIENCE_MS = 20_000;

interface Policy { createScriptURL(url: string): string }
let policy: Policy | undefined;

export async function pdfPages(pdf: Blob): Promise<HTMLCanvasElement[]> {
  const worker = new Worker(trusted(__PDF_WORKER__));
  let late: ReturnType<typeof setTimeout> | undefined;
  try {
    const slow = new Promise<never>((_, failed) => { late = setTimeout(() => failed(new Error("too slow")), PATIENCE_MS); });
    return await Promise.race([drawn(worker, new Uint8Array(await pdf.arrayBuffer())), slow]);
  } finally {
    clearTimeout(late);
    worker.terminate();
  }
}

async function drawn(worker: Worker, data: Uint8Array): Promise<HTMLCanvasElement[]> {
  GlobalWorkerOptions.workerPort = worker;
  const pdf = await getDocument({ data, useWasm: false, isOffscreenCanvasSupported: false, enableXfa: false, useSystemFonts: true, maxImageSize: 64_000_000, stopAtErrors: false }).promise;
  const canvases: HTMLCanvasElement[] = [];
  for (let number = 1; number <= Math.min(PAGES_MAX, pdf.numPages); number += 1) {
    const page = await pdf.getPage(number);
    const scale = WIDTH / page.getViewport({ scale: 1 }).width;
    const viewport = page.getViewport({ scale });
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(viewport.width);
    canvas.height = Math.min(Math.round(viewport.height), 4 * WIDTH);
    await page.render({ canvas, viewport, annotationMode: AnnotationMode.DISABLE }).promise;
    canvases.push(canvas);
  }
  return canvases;
}

/** The only address that this page may start a thread from, where the browser asks for such a promise. */
function trusted(url: string): string {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): Policy } }).trustedTypes;
  policy ??= types?.createPolicy("visavis-pdf", {
    createScriptURL: (asked: string) => {
      if (asked !== __PDF_WORKER__) throw new TypeError("not the thread that reads PDFs");
      return asked;
    },
  });
  return policy ? policy.createScriptURL(url) : url;
}
