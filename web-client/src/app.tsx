// Sets the language and the surroundings of a page and renders it. The only place that touches the document's root.

import { render, type ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { pickLanguage, textIn, type Language, type Text } from "./core/text";
import { SurroundingsContext } from "./ui/hooks";

const CHOSEN = "visavis.language";

export function chosenLanguage(): string | null {
  try {
    return sessionStorage.getItem(CHOSEN);
  } catch {
    return null;
  }
}

interface AppProps {
  /** The language of the appointment or the account, once known. */
  wish?: string;
  phone?: string;
  /** In the language of the page, where it has names in several. */
  serviceName?: string | ((language: Language) => string);
  /** No mail has been sent yet that could hold the helpdesk's number. */
  beforeMail?: boolean;
  staff?: boolean;
  children: ComponentChildren;
}

export function App({ wish, phone, serviceName, beforeMail, staff, children }: AppProps) {
  const [chosen, setChosen] = useState<Language | undefined>(() => chosenLanguage() as Language | undefined ?? undefined);
  const [text, setText] = useState<Text>();
  const language = pickLanguage(chosen, wish, ...navigator.languages);
  useEffect(() => {
    let current = true;
    void textIn(language).then((loaded) => {
      if (!current) return;
      document.documentElement.lang = language;
      setText(() => loaded);
    });
    return () => {
      current = false;
    };
  }, [language]);
  if (!text) return null;
  const setLanguage = (next: Language) => {
    try {
      sessionStorage.setItem(CHOSEN, next);
    } catch {
      // Then the choice holds for this page only.
    }
    setChosen(next);
  };
  return <SurroundingsContext.Provider value={{ text, setLanguage, phone, serviceName: typeof serviceName === "function" ? serviceName(language) : serviceName, beforeMail, staff }}>{children}</SurroundingsContext.Provider>;
}

export function show(what: ComponentChildren): void {
  render(what, document.getElementById("app")!);
}
