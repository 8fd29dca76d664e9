// Pictures and sounds that prove where they came from: a bar code in a Y4M film and a tone in a WAV file, for Chromium's fake devices.
// The same bar code is drawn on a canvas in Firefox (lib/page.mjs).
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';

/** Frame size of the fake camera; 16:9 so that nothing is cropped. */
export const WIDTH = 640;
export const HEIGHT = 360;
const FRAMES = 256;
const ROWS = 3; // source, frame number, inverted frame number: 8 bits each
const ROW_HEIGHT = 90; // the last quarter of the picture moves, so that the encoder has something to do

/** Writes 256 frames (8.5 s, the browser repeats them) at 30 per second, marked with `source` (0–255). */
export function writeBarCodeFilm(path, source) {
  const file = openSync(path, 'w');
  writeSync(file, `YUV4MPEG2 W${WIDTH} H${HEIGHT} F30:1 Ip A1:1 C420jpeg\n`);
  const frame = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
  const cell = WIDTH / 8;
  for (let number = 0; number < FRAMES; number += 1) {
    const codes = [source, number, ~number & 255];
    for (let row = 0; row < ROWS; row += 1) {
      const line = Buffer.alloc(WIDTH);
      for (let bit = 0; bit < 8; bit += 1) line.fill((codes[row] >> (7 - bit)) & 1 ? 225 : 30, bit * cell, (bit + 1) * cell);
      for (let y = row * ROW_HEIGHT; y < (row + 1) * ROW_HEIGHT; y += 1) line.copy(frame, y * WIDTH);
    }
    const step = (2 * Math.PI * 3) / FRAMES; // whole turns in one film: no jump when it starts again
    for (let y = ROWS * ROW_HEIGHT; y < HEIGHT; y += 1) {
      for (let x = 0; x < WIDTH; x += 1) frame[y * WIDTH + x] = 128 + 70 * Math.sin(x / 23 + number * step * 4) * Math.cos(y / 17 - number * step * 2);
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
