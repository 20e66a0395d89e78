// The little that is kept in the browser: language and theme, and the key until the tab is closed.

const PREFIX = "samesay.";

export function recall(name) {
  return read(() => localStorage.getItem(PREFIX + name));
}

export function remember(name, value) {
  read(() => (value ? localStorage.setItem(PREFIX + name, value) : localStorage.removeItem(PREFIX + name)));
}

let key = read(() => sessionStorage.getItem(`${PREFIX}key`)) ?? "";

export function apiKey() {
  return key;
}

export function setApiKey(value) {
  key = value;
  read(() =>
    value ? sessionStorage.setItem(`${PREFIX}key`, value) : sessionStorage.removeItem(`${PREFIX}key`),
  );
}

// Browsers may refuse storage altogether; then nothing is kept.
function read(work) {
  try {
    return work() ?? null;
  } catch {
    return null;
  }
}
