// The address: which view, and what is in it, behind the hash, which no server ever sees.

export function readAddress(url = location.href) {
  const [name, query] = new URL(url).hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { view: name || "compare", values: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

/**
 * Write what is in a view, without a step in the history; empty values are left out. A browser may refuse one
 * that comes too soon after many others: then the address stays as it was.
 */
export function writeAddress(view, values) {
  const given = Object.entries(values).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  try {
    history.replaceState(null, "", `#/${view}${query ? `?${query}` : ""}`);
  } catch {
    // Nothing is lost but the address.
  }
}
