// Tables as text: CSV out, TSV and CSV in.

/** Write rows as CSV, every cell in quotes. */
export function csv(rows) {
  const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
  return `${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** Read lines of cells between tabs; lines without anything are left out. */
export function tsv(text) {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .map((line, place) => ({ cells: line.split("\t").map((cell) => cell.trim()), line: place + 1 }))
    .filter(({ cells }) => cells.some((cell) => cell));
}
