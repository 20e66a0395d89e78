// Labelled pairs from lines of text: first text, second text, label.

import { tsv } from "./table.js";

const YES = new Set(["1", "1.0", "true", "yes"]);
const NO = new Set(["0", "0.0", "false", "no"]);

/** A line that cannot be read; `line` counts from 1, `reason` is the name of a message. */
export class LineProblem extends Error {
  constructor(line, reason, found = "") {
    super(reason);
    Object.assign(this, { line, reason, found });
  }
}

/** Give [{a, b, match}]; a first line with the word "label" or "gold" names the columns. */
export function readLabels(text) {
  const rows = tsv(text);
  const header = (rows[0]?.cells ?? []).map((cell) => cell.toLowerCase());
  const named = header.findIndex((cell) => cell === "label" || cell === "gold");
  const column = named < 0 ? 2 : named;
  const [first, second] = [0, 1, 2].filter((place) => place !== column);
  const pairs = [];
  for (const { cells, line } of named < 0 ? rows : rows.slice(1)) {
    if (cells.length < 3) throw new LineProblem(line, "threshold.cells", cells.length);
    const label = cells[column]?.toLowerCase() ?? "";
    if (!label) continue;
    if (!YES.has(label) && !NO.has(label)) throw new LineProblem(line, "threshold.label", cells[column]);
    if (!cells[first] || !cells[second]) throw new LineProblem(line, "threshold.emptyText");
    pairs.push({ a: cells[first], b: cells[second], match: YES.has(label) });
  }
  return distinct(pairs);
}

/** Each pair once; one that is labelled both ways is a problem of both, told by the server's calibration. */
function distinct(pairs) {
  const seen = new Map();
  for (const pair of pairs) seen.set(JSON.stringify([pair.a, pair.b, pair.match]), pair);
  return [...seen.values()];
}
