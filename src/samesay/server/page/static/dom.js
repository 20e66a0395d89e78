// Elements, made so that text stays text: nothing here reads markup.

import { t } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. `text` is a text as it stands, `say` the name of a message and `label` that of an
 * aria-label, both told anew when the language changes; `on` has listeners; the rest are attributes.
 */
export function el(tag, options = {}, ...children) {
  return filled(document.createElement(tag), options, children);
}

/** Make an element of a drawing. */
export function draw(tag, options = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), options, children);
}

function filled(node, options, children) {
  const { text, say, label, hint, on, ...attributes } = options;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  for (const [event, listener] of Object.entries(on ?? {})) node.addEventListener(event, listener);
  if (text !== undefined) node.textContent = text;
  if (say) node.dataset.say = say;
  if (label) node.dataset.label = label;
  if (hint) node.dataset.hint = hint;
  translate(node);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// What elements say that is more than the name of a message.
const sayings = new WeakMap();

/** Let an element say what a function gives, now and in every language that is chosen later; null is nothing. */
export function tell(node, words) {
  sayings.set(node, words);
  node.dataset.told = "";
  node.textContent = words ? words() : "";
}

/** Write the messages of one element. */
function translate(node) {
  const { say, label, hint } = node.dataset;
  const words = sayings.get(node);
  if (words) node.textContent = words();
  if (say) node.textContent = t(say);
  if (label) node.setAttribute("aria-label", t(label));
  if (hint) node.setAttribute("placeholder", t(hint));
}

/** Write the messages of all elements below one anew. */
export function translateAll(root) {
  root.querySelectorAll("[data-say], [data-label], [data-hint], [data-told]").forEach(translate);
}

/** Put other children into an element. */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

let fields = 0;

/**
 * Make a control with its label and a place for what is wrong with it. `problem(words)` shows it there; `words`
 * is a function that says it in the language of the moment, or null.
 */
export function field(say, control, help = null) {
  const id = `field-${++fields}`;
  control.id = id;
  const error = el("p", { class: "problem", id: `${id}-problem`, role: "alert", hidden: true });
  const described = [`${id}-problem`];
  if (help) {
    help.id = `${id}-help`;
    described.push(help.id);
  }
  control.setAttribute("aria-describedby", described.join(" "));
  const box = el("div", { class: "field" }, el("label", { say, for: id }), control, help, error);
  return {
    box,
    control,
    help,
    problem(words) {
      error.hidden = !words;
      tell(error, words);
      if (words) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
  };
}

/** Make a choice; entries are [value, message name] or [value, null, text]. */
export function choice(entries, on = {}) {
  return el(
    "select",
    { on },
    ...entries.map(([value, say, text]) => el("option", { value, ...(say ? { say } : { text }) })),
  );
}

/** Offer bytes as a file. */
export function save(name, blob) {
  const address = URL.createObjectURL(blob);
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
