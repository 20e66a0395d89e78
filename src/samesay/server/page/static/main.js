// The frame: views, language, theme, key.

import { readAddress } from "./address.js";
import { compareView } from "./compare.js";
import { choice, el, tell, translateAll } from "./dom.js";
import { language, speak, t } from "./language.js";
import { matrixView } from "./matrix.js";
import { apiKey, recall, remember, setApiKey } from "./memory.js";
import { modelsView } from "./models.js";
import { searchView } from "./search.js";
import { askServed, served } from "./served.js";
import { thresholdView } from "./threshold.js";

const VIEWS = {
  compare: compareView, matrix: matrixView, search: searchView, threshold: thresholdView, models: modelsView,
};

const USUAL_VIEW = "compare";

const made = new Map();
const main = el("main", { id: "main", tabindex: "-1" });
const links = new Map(
  Object.keys(VIEWS).map((name) => [name, el("a", { href: `#/${name}`, say: `view.${name}` })]),
);
const state = el("p", { class: "state", role: "status" });
const keyProblem = el("p", { class: "problem", role: "alert", id: "key-problem", hidden: true });
const keyField = el("input", {
  type: "password", id: "key", autocomplete: "off", "aria-describedby": "key-problem key-help",
});
const keyBox = el(
  "form",
  { class: "key card", hidden: true, on: { submit: useKey } },
  el("label", { say: "key.label", for: "key" }),
  keyField,
  el("button", { type: "submit", say: "key.use" }),
  el("p", { class: "help", id: "key-help", say: "key.help" }),
  keyProblem,
);
const languages = choice([["en", null, "English"], ["zh", null, "中文"]], { change: changeLanguage });
const themes = choice([["", "theme.system"], ["light", "theme.light"], ["dark", "theme.dark"]], {
  change: changeTheme,
});
let current = null;

function start() {
  languages.dataset.label = "language.label";
  themes.dataset.label = "theme.label";
  const keyButton = el("button", {
    type: "button", class: "plain", say: "key.button", hidden: !apiKey(), "aria-expanded": "false", "aria-controls": "key-box",
    on: { click: () => openKey(keyBox.hidden) },
  });
  keyBox.id = "key-box";
  document.body.append(
    el("a", { class: "skip", href: "#main", say: "skip", on: { click: skip } }),
    el(
      "header",
      {},
      el("p", { class: "brand", text: "samesay" }),
      el("nav", { label: "views" }, ...links.values()),
      el("div", { class: "tools" }, languages, themes, keyButton),
    ),
    keyBox,
    state,
    main,
  );
  function openKey(open) {
    keyBox.hidden = !open;
    keyButton.setAttribute("aria-expanded", String(open));
    if (open) keyField.focus();
  }
  languages.value = language();
  themes.value = recall("theme") ?? "";
  keyField.value = apiKey();
  changeTheme();
  relabel();
  showState();
  addEventListener("hashchange", open);
  document.addEventListener("served", showServed);
  document.addEventListener("key-wanted", (event) => {
    keyBox.hidden = keyButton.hidden = false;
    keyButton.setAttribute("aria-expanded", "true");
    keyProblem.hidden = false;
    tell(keyProblem, () => event.detail.words());
  });
  open();
  askServed();
}

function viewIn(address) {
  return Object.hasOwn(VIEWS, address.view) ? address.view : USUAL_VIEW;
}

/** Show what an address names; between a link and the event of it, a view may still write the one before. */
function open(event) {
  const address = readAddress(event?.newURL);
  const name = viewIn(address);
  if (!made.has(name)) {
    made.set(name, VIEWS[name]());
    made.get(name).relabel();
  }
  if (current && current !== made.get(name)) current.hide();
  const changes = current !== made.get(name);
  current = made.get(name);
  for (const [other, link] of links) {
    if (other === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${t(`view.${name}`)} · samesay`;
  if (changes) main.replaceChildren(current.node);
  current.show(address.values);
}

function showState() {
  const { problem, ready } = served;
  state.hidden = ready && !problem;
  tell(state, problem ? () => problem.words() : ready ? null : () => t("loading"));
}

function showServed() {
  showState();
  if (!served.problem) keyProblem.hidden = true;
  // The others learn of it when they are shown.
  current.served();
}

function useKey(event) {
  event.preventDefault();
  keyProblem.hidden = true;
  setApiKey(keyField.value.trim());
  askServed();
}

function changeLanguage() {
  speak(languages.value);
  relabel();
}

function relabel() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  translateAll(document.body);
  for (const view of made.values()) {
    translateAll(view.node);
    view.relabel();
  }
  document.title = `${t(`view.${viewIn(readAddress())}`)} · samesay`;
}

function changeTheme() {
  const theme = themes.value;
  remember("theme", theme);
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

function skip(event) {
  // The address is for what is compared, so it stays.
  event.preventDefault();
  main.focus();
}

start();
