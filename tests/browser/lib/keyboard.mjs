// Going through a page with the keyboard alone: where the focus is, and whether it can be seen. Knows no screens.
import { check, until } from './steps.mjs';

/** The accessible name of what has the focus, and whether the focus can be seen. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const by = element.getAttribute('aria-labelledby');
  const name = element.getAttribute('aria-label') ?? (by && document.getElementById(by)?.textContent) ?? (element.labels?.[0]?.textContent || element.textContent);
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    name: (name ?? '').trim(),
    tag: element.tagName,
    visible: element.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.boxShadow !== 'none'),
    covered: Boolean(top && top !== element && !element.contains(top) && !top.contains(element)),
  };
}

/** Presses Tab until the focus is on what is called so. */
export async function tabTo(person, name, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  const seen = [];
  while (Date.now() < end) {
    const now = await person.evaluate(focused);
    if (now && now.name.startsWith(name)) {
      check(now.visible, `the focus on "${name}" cannot be seen`);
      check(!now.covered, `"${name}" is covered`);
      return;
    }
    if (now) seen.push(now.name.slice(0, 30));
    await person.page.keyboard.press('Tab');
  }
  throw new Error(`Tab never came to "${name}"; saw ${JSON.stringify([...new Set(seen)])} ${await person.screen()}`);
}

/** Tabs to the button and presses it. */
export async function press(person, name, key = 'Enter') {
  await until(`button "${name}"`, () => person.has('button', name), 25);
  await tabTo(person, name);
  await person.page.keyboard.press(key);
}
