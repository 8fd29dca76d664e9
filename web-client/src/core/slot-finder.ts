// The free slots of a service, a week of its calendar at a time. Knows no person and no step of a booking.

import * as api from "./api";
import { ApiError } from "./api";
import type { FreeSlot } from "./protocol";
import { Store } from "./store";
import { addDays, beginning, dayIn, type Day } from "./zone";

/** What the finder must know of a service. */
export interface Calendar {
  key: string;
  time_zone: string;
  book_ahead_days: number;
}

/** A day with slots: no free ones means full. */
export interface OpenDay {
  day: Day;
  slots: FreeSlot[];
}

export interface SlotsState {
  loading: boolean;
  /** Code of what went wrong. */
  problem?: string;
  /** Whole weeks from today on. */
  week: number;
  days: OpenDay[];
  /** The earliest of all. */
  next?: FreeSlot;
  /** Looked through to the end: there is none at all. */
  none: boolean;
  isLast: boolean;
}

const NOTHING: SlotsState = { loading: false, week: 0, days: [], none: false, isLast: false };

export class SlotFinder extends Store<SlotsState> {
  #of: Calendar | undefined;
  #asked = 0;

  constructor(private readonly now: () => number = Date.now) {
    super(NOTHING);
  }

  /** The first week with a free slot. */
  find = async (of: Calendar): Promise<void> => {
    this.#of = of;
    this.set({ ...NOTHING, next: undefined, problem: undefined });
    await this.#show(0, true);
  };

  again = (): Promise<void> => (this.#of ? this.find(this.#of) : Promise.resolve());
  later = (): Promise<void> => this.#show(this.get().week + 1);
  earlier = (): Promise<void> => this.#show(Math.max(0, this.get().week - 1));

  /** This week, or with `onward` the first one from it on that has something free. */
  async #show(week: number, onward = false): Promise<void> {
    const of = this.#of;
    if (!of) return;
    // What was asked before and comes later is not shown.
    const asked = ++this.#asked;
    this.set({ loading: true, problem: undefined });
    try {
      const weeks = Math.ceil((of.book_ahead_days + 1) / 7);
      for (;;) {
        const days = await this.#week(of, week);
        if (asked !== this.#asked) return;
        const free = days.find((day) => day.slots.length > 0);
        const isLast = week >= weeks - 1;
        if (free || isLast || !onward) {
          const first = onward && free ? { next: free.slots[0] } : {};
          return this.set({ loading: false, week, days, isLast, none: onward && !free, ...first });
        }
        week += 1;
      }
    } catch (error) {
      if (asked === this.#asked) this.set({ loading: false, problem: error instanceof ApiError ? error.code : "internal" });
    }
  }

  async #week(of: Calendar, week: number): Promise<OpenDay[]> {
    const first = addDays(dayIn(of.time_zone, this.now()), 7 * week);
    const iso = (day: Day) => new Date(beginning(of.time_zone, day)).toISOString();
    const { slots, full_days } = await api.slots(of.key, iso(first), iso(addDays(first, 7)));
    return byDay(of.time_zone, slots, full_days ?? []);
  }
}

/** Days in order, each with its free slots. */
export function byDay(zone: string, slots: FreeSlot[], full: Day[]): OpenDay[] {
  const days = new Map<Day, FreeSlot[]>(full.map((day) => [day, []]));
  for (const slot of slots) {
    const day = dayIn(zone, Date.parse(slot.start));
    days.set(day, [...(days.get(day) ?? []), slot]);
  }
  return [...days].map(([day, slots]) => ({ day, slots })).sort((a, b) => (a.day < b.day ? -1 : 1));
}
