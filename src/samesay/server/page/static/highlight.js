// Parts of a text, marked. Places are counted in characters, as Python counts them, not in UTF-16 units.

import { el } from "./dom.js";

/** Give a text as marked parts; spans have begin, end, kind and as wanted a title. The last kind wins. */
export function marked(text, spans) {
  const letters = Array.from(text);
  const covering = new Array(letters.length).fill(null);
  for (const span of spans) {
    for (let place = Math.max(0, span.begin); place < Math.min(letters.length, span.end); place += 1) {
      covering[place] = span;
    }
  }
  const parts = [];
  for (let begin = 0; begin < letters.length; ) {
    let end = begin + 1;
    while (end < letters.length && covering[end] === covering[begin]) end += 1;
    parts.push(part(letters.slice(begin, end).join(""), covering[begin]));
    begin = end;
  }
  return parts;
}

function part(text, span) {
  if (!span) return document.createTextNode(text);
  return el("mark", { class: span.kind, text, title: span.title });
}

// A part that the likeness rests on, or one that one text says alone: as strong as this at least.
const STRONG = 0.01;

/** Say whether a part is said on one side only, so that it counts. */
function strong({ drop }) {
  return drop < -STRONG;
}

/** Give the spans of one side (a or b) of reasons: parts in common, what is said alone, terms, conflicts. */
export function spansOf(reasons, side, words) {
  const spans = [];
  if (reasons.shared.spans.length > 1) {
    for (const one of reasons.shared.spans) {
      const other = side === "a" ? one.b : one.a;
      spans.push({ ...one[side], kind: "aligned", title: words.aligned(other.text, one.score) });
    }
  }
  for (const one of reasons.differs[side].filter(strong)) spans.push({ ...one.span, kind: "alone", title: words.alone(one.drop) });
  for (const one of reasons.shared.terms) spans.push({ ...one[side], kind: "term", title: words.term() });
  for (const one of reasons.conflicts) {
    spans.push({ ...one[side], kind: "conflict", title: words.conflict(one) });
  }
  return spans;
}

/** Give the marks of both sides but conflicts, as {kind, a, b, strength} with the texts of the parts. */
export function marksOf(reasons) {
  const pairs = reasons.shared.spans.length > 1 ? reasons.shared.spans : [];
  return [
    ...pairs.map((one) => ({ kind: "aligned", a: one.a.text, b: one.b.text, strength: one.score })),
    ...reasons.shared.terms.map((one) => ({ kind: "term", a: one.a.text, b: one.b.text, strength: null })),
    ...reasons.differs.a.filter(strong).map((one) => ({ kind: "alone", a: one.span.text, b: null, strength: -one.drop })),
    ...reasons.differs.b.filter(strong).map((one) => ({ kind: "alone", a: null, b: one.span.text, strength: -one.drop })),
  ];
}
