// Which language the page speaks.

import { messages as en } from "./messages/en.js";
import { messages as zh } from "./messages/zh.js";
import { recall, remember } from "./memory.js";

const LANGUAGES = { en, zh };
let current = chosen();

function chosen() {
  const kept = recall("language");
  if (kept && Object.hasOwn(LANGUAGES, kept)) return kept;
  return (navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function language() {
  return current;
}

/** Speak another language from now on. */
export function speak(name) {
  current = Object.hasOwn(LANGUAGES, name) ? name : "en";
  remember("language", current);
}

/** Give a message; {name} in it is replaced by the value of that name. */
export function t(name, values = {}) {
  const message = LANGUAGES[current][name] ?? en[name] ?? name;
  return message.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? String(values[key]) : whole));
}
