// The icons, drawn for this project on a 24 × 24 grid with round strokes. Always beside a text, never instead of one.

const paths = {
  camera: "M3 8a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM15 10.5l6-3.5v10l-6-3.5z",
  cameraOff: "M8.5 6H13a2 2 0 0 1 2 2v4.5M15 10.5l6-3.5v10l-3.2-1.9M14.6 17.2A2 2 0 0 1 13 18H5a2 2 0 0 1-2-2V8a2 2 0 0 1 1.2-1.8M3 3l18 18",
  microphone: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  microphoneOff: "M9 9.5V11a3 3 0 0 0 4.6 2.5M15 10.5V6a3 3 0 0 0-5.8-1M5.5 11a6.5 6.5 0 0 0 9.8 5.6M18.5 11a6.4 6.4 0 0 1-.5 2.5M12 17.5V21M3 3l18 18",
  speaker: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  hangUp: "M3.2 14.8c-.6-.6-.7-1.6-.2-2.3C5 9.700 8.300 8.200 12 8.200s7 1.500 9 4.300c.5.7.4 1.700-.2 2.300l-1.300 1.300c-.5.5-1.300.6-1.900.3l-2.600-1.400a1.500 1.500 0 0 1-.8-1.300v-1.600a9.600 9.600 0 0 0-4.400 0v1.600c0 .5-.3 1-.8 1.300l-2.600 1.400c-.6.3-1.400.2-1.900-.3z",
  phone: "M6.500 3.500l2.200 0c.5 0 .9.300 1 .8l.8 3.200c.1.400 0 .8-.3 1l-1.700 1.500a12 12 0 0 0 5.500 5.500l1.500-1.700c.300-.3.700-.400 1-.3l3.200.8c.5.1.8.500.8 1v2.200c0 1.100-.9 2-2 2C10.500 19.500 4.500 13.500 4.500 5.500c0-1.100.9-2 2-2z",
  screen: "M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zM9 21h6M12 17v4M12 13.500V8.500M9.800 10.500L12 8.300l2.200 2.200",
  switchCamera: "M4 8a2 2 0 0 1 2-2h2l1.300-2h5.400L16 6h2a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM9 12.500a3 3 0 0 1 5.400-1.800M15 12.500a3 3 0 0 1-5.400 1.800M14.700 9v1.900h-1.900M9.300 16v-1.900h1.900",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  check: "M5 12.500l4.500 4.500L19 7.500",
  info: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 11v5.500M12 7.700v.1",
  warning: "M12 4l9 16H3zM12 10v4.500M12 17.200v.1",
  clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 7.500V12l3 2",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.500 20a7.500 7.500 0 0 1 15 0",
  quiet: "M4 12h2l2-4 3 8 2.500-6 1.500 2h5M4 20h16",
  light: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  headset: "M4.500 14v-2a7.500 7.500 0 0 1 15 0v2M4.500 13.500h2a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1h-1a1 1 0 0 1-1-1zM19.500 13.500h-2a1 1 0 0 0-1 1V18a1 1 0 0 0 1 1h1a1 1 0 0 0 1-1zM19.500 18.500c0 1.700-2 2.500-5 2.500",
  card: "M3 6.500a1 1 0 0 1 1-1h16a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1zM8.500 9.500a1.800 1.800 0 1 1 0 3.600 1.800 1.800 0 0 1 0-3.600zM5.800 16c.3-1.300 1.300-2 2.700-2s2.400.7 2.700 2M14 10h4M14 13.500h4",
  lock: "M6 10.500h12a1 1 0 0 1 1 1V19a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-7.500a1 1 0 0 1 1-1zM8 10.500V8a4 4 0 0 1 8 0v2.500M12 14.500v2",
  message: "M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-7l-4.500 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zM8 9.300h8M8 12.300h5",
  back: "M9.500 6.500L4 12l5.500 5.500M4.500 12H20",
  leave: "M13 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h7M10 12h10.500M17 8.500l3.500 3.500-3.500 3.500",
  door: "M6 20V5a1 1 0 0 1 1-1h10a1 1 0 0 1 1 1v15M3.500 20h17M14.500 12v.1",
  done: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM8 12.300l2.800 2.700L16 9.500",
  line0: "M4 20v-3M9 20v-6M14 20v-9M19 20V7",
  globe: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM3.500 12h17M12 3c2.500 2.500 3.600 5.500 3.600 9S14.500 18.500 12 21c-2.500-2.500-3.600-5.500-3.600-9S9.500 5.500 12 3z",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class={`icon icon-${name}`} width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** Two people face to face. */
export function Logo({ size = 30 }: { size?: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <rect class="logo-ground" width="64" height="64" rx="16" />
      <path class="logo-one" d="M14 18a14 14 0 0 1 14 14 14 14 0 0 1-14 14z" />
      <path class="logo-two" d="M50 18a14 14 0 0 0-14 14 14 14 0 0 0 14 14z" />
    </svg>
  );
}
