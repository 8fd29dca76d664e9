// A code to scan. Knows no link.

/** Dark squares on white with the quiet zone of four squares that readers need (ISO/IEC 18004). */
export function QrPicture({ rows, label }: { rows: string[]; label: string }) {
  const size = rows.length + 8;
  const squares = rows.flatMap((row, y) => [...row].flatMap((square, x) => (square === "1" ? [`M${x + 4} ${y + 4}h1v1h-1z`] : [])));
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={squares.join("")} fill="#000" />
    </svg>
  );
}
