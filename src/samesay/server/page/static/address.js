// The address: which view, and what is in it, behind the hash, which no server ever sees.

export function readAddress() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { view: name || "compare", values: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

/** Write what is in a view, without a step in the history; empty values are left out. */
export function writeAddress(view, values) {
  const given = Object.entries(values).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  history.replaceState(null, "", `#/${view}${query ? `?${query}` : ""}`);
}
