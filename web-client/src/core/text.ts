// The texts of a page in one of four languages, with numbers and dates as people there write them. Knows no screen.

import type en from "../../locales/en.json";

export type Key = keyof typeof en;
export type Language = "lb" | "fr" | "de" | "en";
/** Keys that come as `<name>.one` and `<name>.other`. */
export type CountKey = { [K in Key]: K extends `${infer Name}.other` ? Name : never }[Key];
type Values = Record<string, string | number>;
type Texts = Record<Key, string>;

export const languages: { code: Language; name: string }[] = [
  { code: "lb", name: "Lëtzebuergesch" },
  { code: "fr", name: "Français" },
  { code: "de", name: "Deutsch" },
  { code: "en", name: "English" },
];

const load: Record<Language, () => Promise<{ default: Texts }>> = {
  lb: () => import("../../locales/lb.json"),
  fr: () => import("../../locales/fr.json"),
  de: () => import("../../locales/de.json"),
  en: () => import("../../locales/en.json"),
};

export interface Text {
  language: Language;
  (key: Key, values?: Values): string;
  count(key: CountKey, count: number): string;
  /** "Monday 23 November" in the zone. */
  day(iso: string, zone?: string): string;
  /** "09:20" in the zone. */
  time(iso: string, zone?: string): string;
}

export async function textIn(language: Language): Promise<Text> {
  return makeText(language, (await load[language]()).default);
}

export function makeText(language: Language, texts: Texts): Text {
  // Few browsers know Luxembourgish; its plural rule for whole numbers is the German one.
  const rules = new Intl.PluralRules(known(language, Intl.PluralRules.supportedLocalesOf) ? language : "de");
  const text = ((key: Key, values: Values = {}) => fill(texts[key] ?? key, values)) as Text;
  text.language = language;
  text.count = (key, count) => {
    const one = rules.select(count) === "one";
    return fill(texts[`${key}.${one ? "one" : "other"}` as Key], { count });
  };
  text.day = (iso, zone) => day(language, iso, zone);
  text.time = (iso, zone) => time(language, iso, zone);
  return text;
}

/** The language to start with: chosen before, else the appointment's, else the browser's first that we speak. */
export function pickLanguage(...wishes: (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const code = wish?.slice(0, 2).toLowerCase();
    const found = languages.find((language) => language.code === code);
    if (found) return found.code;
  }
  return "en";
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (values[name] === undefined ? whole : String(values[name])));
}

function known(language: Language, supported: (locales: string) => string[]): boolean {
  return supported(language).length > 0;
}

const LB_DAYS = ["Sonndeg", "Méindeg", "Dënschdeg", "Mëttwoch", "Donneschdeg", "Freideg", "Samschdeg"];
const LB_MONTHS = ["Januar", "Februar", "Mäerz", "Abrëll", "Mee", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"];

function day(language: Language, iso: string, zone?: string): string {
  const date = new Date(iso);
  if (language !== "lb") {
    return new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { weekday: "long", day: "numeric", month: "long", timeZone: zone }).format(date);
  }
  const parts = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "numeric", timeZone: zone }).formatToParts(date);
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? "";
  const weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].indexOf(part("weekday"));
  return `${LB_DAYS[weekday]}, ${part("day")}. ${LB_MONTHS[Number(part("month")) - 1]}`;
}

function time(language: Language, iso: string, zone?: string): string {
  const locale = { en: "en-GB", fr: "fr", de: "de", lb: "de" }[language];
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(new Date(iso));
}
