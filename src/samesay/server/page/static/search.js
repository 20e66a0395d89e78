// Search the served collections, three ways side by side.

import { ask, newest } from "./api.js";
import { badge, bandOf, number } from "./bands.js";
import { choice, el, field, fill, tell } from "./dom.js";
import { marked } from "./highlight.js";
import { flowing, headed, wordsIn } from "./passages.js";
import { t } from "./language.js";
import { served } from "./served.js";
import { showProblem } from "./settings.js";

const PAUSE_MILLISECONDS = 40;
const MODES = ["semantic", "text", "hybrid"];

/** Whether a passage has more below what is in view: its end then fades. */
function goesOn(passage) {
  return passage.scrollTop + passage.clientHeight < passage.scrollHeight - 2;
}

function scrolled({ currentTarget }) {
  currentTarget.classList.toggle("more", goesOn(currentTarget));
}

/** Read a JSON object; throws where it is something else. */
function object(text) {
  const value = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("not an object");
  return value;
}

export function searchView() {
  const query = field("search.query", el("input", { type: "search", autocomplete: "off", on: { input: changed } }));
  const collection = field("search.collection", choice([], { change: changed }), el("p", { class: "help" }));
  const language = field(
    "search.language", el("input", { type: "text", autocomplete: "off", on: { input: changed } }),
    el("p", { class: "help", say: "search.languageHelp" }),
  );
  const known = el("p", { class: "help" });
  const filter = field(
    "search.filter",
    el("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder: '{"year": {"gte": 2020}}', on: { input: changed } }),
    known,
  );
  const count = field("search.count", choice([["3", null, "3"], ["5", null, "5"], ["10", null, "10"]], { change: changed }));
  const general = el("p", { class: "problem", role: "alert", hidden: true });
  const spoken = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const note = el("p", { class: "quiet" });
  const columns = el("div", { class: "columns", role: "region", tabindex: "0", label: "search.lists", hidden: true });
  const teach = el("section", { class: "card teach" });
  const fields = { query, collection, filter };
  const node = el(
    "div", {}, el("h1", { say: "search.title" }), query.box,
    el("div", { class: "row filters" }, collection.box, language.box, filter.box, count.box),
    general, spoken, note, columns, teach,
  );
  const requests = newest(PAUSE_MILLISECONDS);
  const scales = new Map();
  let state = null;

  function chosen() {
    return served.collections.find((one) => one.name === collection.control.value) ?? served.collections[0];
  }

  /** The filter that is written and the language together; throws what is wrong with the first. */
  function where() {
    const parts = [];
    if (filter.control.value.trim()) parts.push(object(filter.control.value));
    if (language.control.value.trim()) parts.push({ language: language.control.value.trim() });
    return parts.length === 2 ? { and: parts } : parts[0];
  }

  function changed() {
    teachOrNot();
    tellCollection();
    const asked = query.control.value.trim();
    const broken = chosen()?.problem;
    if (!asked || !chosen() || broken) {
      requests.stop();
      showProblem(null, fields, general);
      collection.problem(broken ? () => broken : null);
      show(null);
      return;
    }
    let given;
    try {
      given = where();
    } catch {
      requests.stop();
      filter.problem(() => t("search.notJson"));
      return;
    }
    collection.problem(null);
    columns.setAttribute("aria-busy", "true");
    requests.run((signal) => search(asked, given, signal));
  }

  async function search(asked, given, signal) {
    if (!served.ready) return;
    const { name, model, dimensions } = chosen();
    const request = { collection: name, query: asked, top_k: Number(count.control.value) };
    if (given) request.filter = given;
    const scaleOf = new URLSearchParams({ model, mode: "query-document", dimensions });
    try {
      const address = `/page/scale.json?${scaleOf}`;
      if (!scales.has(address)) scales.set(address, await ask(address, null, signal));
      const scale = scales.get(address);
      const now = { asked, scale, found: MODES.map(() => null) };
      // Each list is shown when it is there: the first search by meaning may take the store a while.
      await Promise.all(
        MODES.map(async (mode, place) => {
          now.found[place] = await listOf({ ...request, mode }, signal);
          if (now.found.some(Array.isArray)) show(now);
        }),
      );
      const problems = now.found.filter((one) => !Array.isArray(one));
      // What all three stumble over is about the question; else it stands in its list.
      if (problems.length === MODES.length) throw problems[0];
      showProblem(null, fields, general);
    } catch (error) {
      if (signal.aborted) throw error;
      show(null);
      showProblem(error, fields, general);
    }
  }

  /** Give the hits of one search, or the problem that the server has with it. */
  async function listOf(request, signal) {
    try {
      return (await ask("/v1/search", request, signal)).data[0].hits;
    } catch (error) {
      if (signal.aborted || error.status === undefined) throw error;
      return error;
    }
  }

  function show(now) {
    state = now;
    columns.removeAttribute("aria-busy");
    columns.hidden = !now;
    note.textContent = now && !now.scale.bands ? t("search.uncalibrated") : "";
    if (!now) {
      fill(columns);
      spoken.textContent = "";
      return;
    }
    if (now.found.every(Boolean)) {
      const counts = MODES.map((mode, place) => `${t(`search.${mode}`)}: ${now.found[place].length ?? "–"}`).join(", ");
      spoken.textContent = t("search.spoken", { counts });
    }
    fill(columns, ...MODES.map((mode, place) => column(mode, now.found[place])));
    // Asked of all first: a change between two questions would make the browser lay the page out again.
    const passages = [...columns.querySelectorAll(".passage")];
    const more = passages.map(goesOn);
    passages.forEach((one, place) => one.classList.toggle("more", more[place]));
  }

  function column(mode, hits) {
    return el(
      "section", { class: "card", label: `search.${mode}` },
      el("h2", { say: `search.${mode}` }),
      el("p", { class: "quiet", say: `search.${mode}Help` }),
      !hits ? el("p", { class: "quiet", say: "search.coming" })
        : !Array.isArray(hits) ? el("p", { class: "problem", role: "alert", text: hits.words() })
        : hits.length ? el("ol", { class: "hits" }, ...hits.map((hit) => shown(hit, mode))) : el("p", { say: "search.nothing" }),
    );
  }

  function shown(hit, mode) {
    const score = hit.components.segment;
    const { heading, body } = headed(hit.passage);
    const headings = [...new Set([...hit.headings, heading])].filter((one) => one && one !== hit.title);
    const passage = flowing(body);
    const meta = Object.entries(hit.metadata).map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(", ") : value}`);
    return el(
      "li", {},
      el("p", { class: "hit-title" }, el("strong", { text: hit.title ?? hit.document_id }),
        ...(score === undefined || !state.scale.bands ? [] : [badge(bandOf(score, state.scale.bands))])),
      el("p", { class: "quiet ranks" }, el("span", { class: "place", text: t("search.score", { score: number(hit.score) }) }), ...elsewhere(hit, mode)),
      headings.length ? el("p", { class: "quiet", text: headings.join(" › ") }) : null,
      el("p", { class: "text passage", tabindex: "0", on: { scroll: scrolled } }, ...marked(passage, wordsIn(passage, state.asked, t("search.word")))),
      el("p", { class: "quiet", text: [hit.document_id, hit.language, ...meta].filter(Boolean).join(" · ") }),
    );
  }

  /** Where the same document stands in the other two lists. */
  function elsewhere(hit, mode) {
    return MODES.filter((other) => other !== mode && Array.isArray(state.found[MODES.indexOf(other)]))
      .map((other) => {
        const place = state.found[MODES.indexOf(other)].findIndex((one) => one.document_id === hit.document_id);
        const words = t(place < 0 ? "search.absent" : "search.rank", { mode: t(`search.${other}`), rank: place + 1 });
        return el("span", { class: `elsewhere${place < 0 ? " absent" : ""}`, text: words });
      });
  }

  function tellCollection() {
    const one = chosen();
    known.textContent = t("search.fields", { fields: (one?.fields ?? []).join(", ") || "–" });
    tell(collection.help, one?.documents === undefined ? null : () => t("search.documents", { count: one.documents }));
  }

  function teachOrNot() {
    teach.hidden = Boolean(query.control.value.trim()) && served.collections.length > 0;
    fill(
      teach,
      el("h2", { say: served.collections.length || !served.ready ? "search.teachTitle" : "search.noCollection" }),
      served.collections.length || !served.ready ? lessons() : null,
      served.collections.length || !served.ready
        ? null
        : el("pre", { tabindex: "0", text: "samesay index docs/ --collection kb/\nsamesay ui --collection kb/" }),
    );
    query.control.disabled = served.ready && !served.collections.length;
  }

  function lessons() {
    return el(
      "dl", { class: "lessons" },
      ...MODES.map((mode) => el("div", {}, el("dt", { say: `search.${mode}` }), el("dd", { say: `search.${mode}Teach` }))),
    );
  }

  return {
    node,
    show() {
      this.served();
    },
    hide: requests.stop,
    served() {
      const before = collection.control.value;
      collection.control.replaceChildren(...served.collections.map((one) => el("option", { value: one.name, text: one.name })));
      if (served.collections.some((one) => one.name === before)) collection.control.value = before;
      scales.clear();
      changed();
    },
    relabel() {
      tellCollection();
      if (state) show(state);
      teachOrNot();
    },
  };
}
