// What every screen needs: a watched value, the texts, the focus at the right place, the time passing.

import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Store } from "../core/store";
import type { Language, Text } from "../core/text";

export function useStore<T extends object>(store: Store<T>): T {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    setValue(store.get());
    return store.watch(() => setValue(store.get()));
  }, [store]);
  return value;
}

/** The same of a store that is there at times. */
export function useMaybe<T extends object>(store: Store<T> | undefined): T | undefined {
  const [value, setValue] = useState(store?.get());
  useEffect(() => {
    setValue(store?.get());
    return store?.watch(() => setValue(store.get()));
  }, [store]);
  return store && (value ?? store.get());
}

export interface Surroundings {
  text: Text;
  setLanguage(language: Language): void;
  /** The helpdesk's number, once known. */
  phone?: string;
  serviceName?: string;
  /** No mail has been sent yet that could hold that number. */
  beforeMail?: boolean;
  /** The page of somebody who works for the service. */
  staff?: boolean;
}

export const SurroundingsContext = createContext<Surroundings>(undefined as never);
export const useSurroundings = () => useContext(SurroundingsContext);
export const useText = () => useContext(SurroundingsContext).text;

/** A new screen begins at its heading, for those who read with ears or fingers. */
export function useFocus<T extends HTMLElement>(screen: string) {
  const ref = useRef<T>(null);
  useEffect(() => {
    // The first screen of a page begins where the browser puts the reader anyway.
    if (shown !== undefined && shown !== screen) {
      ref.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    shown = screen;
  }, [screen]);
  return ref;
}
let shown: string | undefined;

/** Milliseconds since 1970 on the server's clock, renewed each second. */
export function useNow(serverAheadMs = 0): number {
  const [now, setNow] = useState(Date.now() + serverAheadMs);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() + serverAheadMs), 1_000);
    return () => clearInterval(timer);
  }, [serverAheadMs]);
  return now;
}

/** True once the first answer of the server takes so long that an empty page would worry. */
export function useSlow(): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 1_200);
    return () => clearTimeout(timer);
  }, []);
  return slow;
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
