// The copy of an identity card as an agent sees it: drawn on canvases under a watermark that says who looked at it, when and in which appointment. The bytes
// stay in this page's memory for as long as it draws. Knows no server.

/** The longer side of what is drawn, in pixels. */
const LONGEST = 1_600;

/** One canvas a page, the watermark drawn into it. Throws when the browser cannot show the file. */
export async function drawnCopy(copy: Blob, mark: string): Promise<HTMLCanvasElement[]> {
  const canvases = copy.type === "application/pdf" ? await (await import("./pdf-pages")).pdfPages(copy) : [await picture(copy)];
  for (const canvas of canvases) watermark(canvas, mark);
  return canvases;
}

async function picture(copy: Blob): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(copy);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  context(canvas).drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** Across the whole picture, so that no part of it is without. */
function watermark(canvas: HTMLCanvasElement, mark: string): void {
  const on = context(canvas);
  const size = Math.max(11, Math.round(canvas.width / 36));
  on.save();
  on.translate(canvas.width / 2, canvas.height / 2);
  on.rotate(-Math.PI / 7);
  on.font = `600 ${size}px system-ui, sans-serif`;
  on.textAlign = "center";
  on.lineWidth = size / 7;
  on.strokeStyle = "rgb(255 255 255 / 0.5)";
  on.fillStyle = "rgb(120 0 20 / 0.5)";
  const reach = Math.hypot(canvas.width, canvas.height) / 2;
  const across = on.measureText(mark).width + 2 * size;
  for (let row = 0, y = -reach; y < reach; y += 5 * size, row += 1) {
    for (let x = -reach - (row % 2) * (across / 2); x < reach + across; x += across) {
      on.strokeText(mark, x, y);
      on.fillText(mark, x, y);
    }
  }
  on.restore();
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const on = canvas.getContext("2d");
  if (!on) throw new Error("no canvas");
  return on;
}
