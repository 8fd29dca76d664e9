// The part of pdf.js that reads a PDF, in a thread of its own: a hostile file holds up nothing but that thread, and its page ends it.

import "pdfjs-dist/legacy/build/pdf.worker.mjs";
