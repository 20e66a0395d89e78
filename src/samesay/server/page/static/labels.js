// Labelled pairs from lines of text: first text, second text, label.

import { tsv } from "./table.js";

// The same words as on the command line; numbers are read as numbers.
const YES = new Set(["true", "yes", "是"]);
const NO = new Set(["false", "no", "否"]);
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)$/;
const LABELS = ["label", "gold"];
const SIDES = ["text_a", "text_b"];

/** A line that cannot be read; `line` counts from 1, the message is the name of one of the page's. */
export class LineProblem extends Error {
  constructor(line, name, found = "") {
    super(name);
    Object.assign(this, { line, found });
  }
}

/**
 * Give [{a, b, match}]. A first line with the words "text_a" and "text_b", or with "label" or "gold", names the
 * columns.
 */
export function readLabels(text) {
  const rows = tsv(text);
  if (!rows.length) return [];
  const { sides, label: column, headed } = columnsOf(rows[0]);
  const least = Math.max(...sides, column) + 1;
  const pairs = [];
  for (const { cells, line } of headed ? rows.slice(1) : rows) {
    if (cells.length < least) throw new LineProblem(line, "threshold.cells", cells.length);
    const match = matchOf(cells[column], line);
    if (match === null) continue;
    const [a, b] = sides.map((place) => cells[place]);
    if (!a || !b) throw new LineProblem(line, "threshold.emptyText");
    pairs.push({ a, b, match });
  }
  return distinct(pairs);
}

/** Say in which columns the texts and the label are. */
function columnsOf({ cells, line }) {
  const names = cells.map((cell) => cell.toLowerCase());
  const sides = SIDES.map((name) => names.indexOf(name));
  const named = LABELS.map((name) => names.indexOf(name)).find((place) => place >= 0);
  const others = (taken) => names.map((_, place) => place).filter((place) => !taken.includes(place));
  if (sides.every((place) => place >= 0)) {
    const further = others(sides);
    if (named === undefined && further.length !== 1) throw new LineProblem(line, "threshold.noLabel");
    return { sides, label: named ?? further[0], headed: true };
  }
  if (named === undefined) return { sides: [0, 1], label: 2, headed: false };
  const texts = others([named]);
  if (texts.length !== 2) throw new LineProblem(line, "threshold.noTexts");
  return { sides: texts, label: named, headed: true };
}

/** Give what a label says, null where there is none. */
function matchOf(cell, line) {
  const word = cell.toLowerCase();
  if (!word) return null;
  if (YES.has(word) || (NUMBER.test(word) && Number(word) === 1)) return true;
  if (NO.has(word) || (NUMBER.test(word) && Number(word) === 0)) return false;
  throw new LineProblem(line, "threshold.label", cell);
}

/** Each pair once; one that is labelled both ways is a problem of both, told by the server's calibration. */
function distinct(pairs) {
  const seen = new Map();
  for (const pair of pairs) seen.set(JSON.stringify([pair.a, pair.b, pair.match]), pair);
  return [...seen.values()];
}
