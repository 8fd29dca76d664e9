// Pictures and sounds that prove where they came from: a bar code in a Y4M film and a tone in a WAV file, for Chromium's fake devices.
// The same bar code is drawn on a canvas in Firefox (lib/page.mjs).
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';

/** What the fake camera takes; 16:9 so that nothing is cropped. */
export const FILM = { width: 640, height: 360, rate: 30 };
/** For four browsers on two cores. Chromium sends no second encoding of less than 480 × 270. */
export const SMALL_FILM = { width: 480, height: 272, rate: 15 };
const FRAMES = 256;
const ROWS = 3; // source, frame number, inverted frame number: 8 bits each; the last quarter of the picture moves, so that the encoder has something to do

/** Writes 256 frames (8.5 s at 30 a second, the browser repeats them), marked with `source` (0–255). */
export function writeBarCodeFilm(path, source, { width, height, rate } = FILM) {
  const rowHeight = height / 4;
  const file = openSync(path, 'w');
  writeSync(file, `YUV4MPEG2 W${width} H${height} F${rate}:1 Ip A1:1 C420jpeg\n`);
  const frame = Buffer.alloc((width * height * 3) / 2, 128);
  const cell = width / 8;
  for (let number = 0; number < FRAMES; number += 1) {
    const codes = [source, number, ~number & 255];
    for (let row = 0; row < ROWS; row += 1) {
      const line = Buffer.alloc(width);
      for (let bit = 0; bit < 8; bit += 1) line.fill((codes[row] >> (7 - bit)) & 1 ? 225 : 30, bit * cell, (bit + 1) * cell);
      for (let y = row * rowHeight; y < (row + 1) * rowHeight; y += 1) line.copy(frame, y * width);
    }
    const step = (2 * Math.PI * 3) / FRAMES; // whole turns in one film: no jump when it starts again
    for (let y = ROWS * rowHeight; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) frame[y * width + x] = 128 + 70 * Math.sin(x / 23 + number * step * 4) * Math.cos(y / 17 - number * step * 2);
    }
    writeSync(file, 'FRAME\n');
    writeSync(file, frame);
  }
  closeSync(file);
}

/** Ten seconds of a tone in mono, 48 kHz; it swells and falls like a voice, so that noise suppression lets it pass. */
export function writeTone(path, hertz) {
  const rate = 48_000;
  const samples = rate * 10;
  const data = Buffer.alloc(44 + samples * 2);
  data.write('RIFF', 0);
  data.writeUInt32LE(36 + samples * 2, 4);
  data.write('WAVEfmt ', 8);
  data.writeUInt32LE(16, 16);
  data.writeUInt16LE(1, 20);
  data.writeUInt16LE(1, 22);
  data.writeUInt32LE(rate, 24);
  data.writeUInt32LE(rate * 2, 28);
  data.writeUInt16LE(2, 32);
  data.writeUInt16LE(16, 34);
  data.write('data', 36);
  data.writeUInt32LE(samples * 2, 40);
  for (let n = 0; n < samples; n += 1) {
    const swell = Math.max(0, Math.sin((2 * Math.PI * 2 * n) / rate)); // two syllables a second
    data.writeInt16LE(Math.round(12_000 * swell * Math.sin((2 * Math.PI * hertz * n) / rate)), 44 + n * 2);
  }
  writeFileSync(path, data);
}
