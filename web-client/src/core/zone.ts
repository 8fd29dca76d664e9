// Days of the calendar in a time zone: which day a moment lies in, and when a day begins there. Knows no service.

/** "2026-11-26". */
export type Day = string;

/** The day in which the moment lies, in that zone. */
export function dayIn(zone: string, at: number): Day {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(new Date(at));
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

export function addDays(day: Day, days: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** The first moment of the day in that zone, in milliseconds since 1970. */
export function beginning(zone: string, day: Day): number {
  const asUtc = Date.parse(`${day}T00:00:00Z`);
  // Once more with the offset that holds there: it may be another than at midnight in UTC.
  const first = asUtc - offset(zone, asUtc);
  return asUtc - offset(zone, first);
}

/** Whether clocks in that zone show another time at the moment than those here. */
export function differsFromHere(zone: string, iso: string): boolean {
  const at = Date.parse(iso);
  return offset(zone, at) !== -new Date(at).getTimezoneOffset() * 60_000;
}

/** What the clock on the wall there is ahead of UTC, in milliseconds. */
function offset(zone: string, at: number): number {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const parts = format.formatToParts(new Date(at));
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "00";
  const shown = Date.parse(`${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}Z`);
  return shown - Math.floor(at / 1_000) * 1_000;
}
