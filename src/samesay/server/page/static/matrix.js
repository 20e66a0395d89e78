// Many sentences against each other.

import { ask, newest } from "./api.js";
import { badge, bandOf, number } from "./bands.js";
import { el, field, fill, save } from "./dom.js";
import { cut, grouped, mutual } from "./grouping.js";
import { cellAt, paintHeatmap, paintKey } from "./heatmap.js";
import { language, t } from "./language.js";
import { served } from "./served.js";
import { modelSettings, showProblem } from "./settings.js";
import { csv } from "./table.js";

const MOST_LINES = 200;
const PAUSE_MILLISECONDS = 100;
const WIDEST = 720;
const CLOSEST = 20;
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const EXAMPLE = {
  en: "Where is my parcel?\nHow do I pay?\nMy package has not arrived.\nWhich ways of paying are there?\nCan I send it back?\nThe delivery is late.\nI want to return this.\nDo you take credit cards?\n我的包裹在哪里？\n怎么付款？",
  zh: "我的包裹在哪里？\n怎么付款？\n快递还没到。\n有哪些付款方式？\n可以退货吗？\n送货晚了。\n我想退回这件商品。\n可以刷信用卡吗？\nWhere is my parcel?\nHow do I pay?",
};

export function matrixView() {
  const lines = field(
    "matrix.lines", el("textarea", { rows: 8, spellcheck: "false", on: { input: changed } }),
    el("p", { class: "help", say: "matrix.help" }),
  );
  const settings = modelSettings(changed);
  const general = el("p", { class: "problem", role: "alert", hidden: true });
  const canvas = el("canvas", {
    class: "map", tabindex: "0", role: "application", label: "matrix.map",
    on: { pointermove: pointed, pointerdown: pointed, keydown: moved, focus: () => point(chosen ?? { row: 0, column: 0 }) },
  });
  const holder = el("div", { class: "drawing" }, canvas);
  const key = el("canvas", { class: "ramp", width: 256, height: 1, "aria-hidden": "true" });
  const from = el("span", {});
  const ramp = el("div", { class: "key-of-map quiet" }, from, key, el("span", { text: "1" }));
  const readout = el("div", { class: "readout", role: "status", "aria-live": "polite" });
  const least = field("matrix.from", el("input", { type: "range", min: "0", max: "1", step: "0.001", on: { input: regroup } }));
  const leastValue = el("output", { class: "quiet" });
  least.box.append(leastValue);
  const groups = el("div", {});
  const closest = el("div", {});
  const toCsv = el("button", { type: "button", class: "plain", say: "matrix.csv", on: { click: exportCsv } });
  const toPng = el("button", { type: "button", class: "plain", say: "matrix.png", on: { click: exportPng } });
  const result = el(
    "section", { class: "card", hidden: true, label: "compare.result" },
    el("div", { class: "beside" }, holder, el("div", { class: "panel" }, ramp, readout, least.box, el("div", { class: "buttons" }, toCsv, toPng))),
    groups, closest,
  );
  const teach = el(
    "section", { class: "card teach" }, el("h2", { say: "matrix.teachTitle" }), el("p", { say: "matrix.teach" }),
    el("button", { type: "button", say: "matrix.example", on: { click: example } }),
  );
  const node = el("div", {}, el("h1", { say: "matrix.title" }), lines.box, settings.box, general, result, teach);
  const requests = newest(PAUSE_MILLISECONDS);
  let state = null;
  let chosen = null;
  // Whether what is written has not been compared, as when the view is left meanwhile.
  let waiting = false;
  new ResizeObserver(() => state && paint()).observe(holder);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state && paint());
  new MutationObserver(() => state && paint()).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  function changed() {
    const texts = lines.control.value.split(/\r\n|\n|\r/).map((line) => line.trim()).filter(Boolean);
    const most = served.ready ? Math.min(MOST_LINES, Math.floor(served.mostInputs / 2)) : MOST_LINES;
    lines.problem(texts.length > most ? () => t("matrix.many", { count: texts.length, most }) : null);
    teach.hidden = texts.length > 1;
    waiting = texts.length > 1 && texts.length <= most;
    if (!waiting) {
      requests.stop();
      show(null);
      return;
    }
    result.setAttribute("aria-busy", "true");
    requests.run((signal) => compare(texts, signal));
  }

  async function compare(texts, signal) {
    if (!served.ready) return;
    const asked = settings.asked();
    try {
      const query = new URLSearchParams(asked);
      const [answer, scale] = await Promise.all([
        ask("/v1/similarity", { ...asked, left: texts, right: texts }, signal),
        ask(`/page/scale.json?${query}`, null, signal),
      ]);
      waiting = false;
      showProblem(null, fields(), general);
      const directed = asked.mode === "query-document";
      show({ texts, scores: answer.scores, bands: scale.bands, directed, ...measuresOf(answer.scores) });
    } catch (error) {
      if (signal.aborted) throw error;
      show(null);
      showProblem(error, fields(), general);
    }
  }

  function fields() {
    return { ...settings.fields, left: lines, right: lines };
  }

  function measuresOf(scores) {
    let lowest = 1;
    for (const row of scores) for (const score of row) lowest = Math.min(lowest, score);
    return { lowest, linked: grouped(mutual(scores)) };
  }

  function show(now) {
    state = now;
    chosen = null;
    if (!waiting) result.removeAttribute("aria-busy");
    result.hidden = !now;
    if (!now) return;
    const { lowest, bands } = now;
    least.control.min = lowest.toFixed(3);
    least.control.value = String(bands?.high ?? lowest + 0.6 * (1 - lowest));
    readout.textContent = t("matrix.point");
    regroup();
    showClosest();
  }

  function regroup() {
    if (!state) return;
    state.groups = cut(state.linked, Number(least.control.value));
    leastValue.textContent = number(Number(least.control.value));
    paint();
    const several = state.groups.filter((group) => group.length > 1);
    fill(
      groups,
      el("h2", { text: t("matrix.groups", { count: several.length, alone: state.groups.length - several.length }) }),
      el("div", { class: "groups" }, ...several.map((group) => el("ul", { class: "group" }, ...group.map((place) => line(place))))),
    );
  }

  function line(place) {
    return el("li", {}, el("span", { class: "place", text: String(place + 1) }), document.createTextNode(state.texts[place]));
  }

  function showClosest() {
    const pairs = [];
    state.scores.forEach((row, a) => row.forEach((score, b) => (a < b || (state.directed && a > b)) && pairs.push([score, a, b])));
    pairs.sort((one, other) => other[0] - one[0]);
    fill(
      closest,
      el(
        "details", { open: closest.querySelector("details")?.open }, el("summary", { say: "matrix.closest" }),
        el(
          "div", { class: "wide", tabindex: "0", role: "region", label: "matrix.closest" },
          el("table", {},
            el("thead", {}, el("tr", {}, ...["matrix.score", "compare.first", "compare.second"].map((say) => el("th", { scope: "col", say })))),
            el("tbody", {}, ...pairs.slice(0, CLOSEST).map(([score, a, b]) =>
              el("tr", {}, el("td", { text: number(score) }), el("td", { text: state.texts[a] }), el("td", { text: state.texts[b] })))),
          ),
        ),
      ),
    );
  }

  function side() {
    return Math.max(120, Math.min(WIDEST, Math.floor(holder.clientWidth)));
  }

  function paint() {
    const { scores, linked, lowest } = state;
    if (!holder.clientWidth) return;
    from.textContent = number(lowest, 2);
    paintKey(key);
    paintHeatmap(canvas, side(), { scores, order: linked.order, groups: state.groups, lowest, chosen });
  }

  function pointed(event) {
    if (!state) return;
    const box = canvas.getBoundingClientRect();
    const cell = cellAt(event.clientX - box.left, event.clientY - box.top, side(), state.texts.length);
    if (cell && (cell.row !== chosen?.row || cell.column !== chosen?.column)) point(cell);
  }

  function moved(event) {
    const step = STEPS[event.key];
    if (!step || !state) return;
    event.preventDefault();
    const last = state.texts.length - 1;
    const to = (place, by) => Math.min(last, Math.max(0, place + by));
    point({ row: to(chosen?.row ?? 0, step[0]), column: to(chosen?.column ?? 0, step[1]) });
  }

  function point(cell) {
    if (!state) return;
    chosen = cell;
    const { order } = state.linked;
    const [a, b] = [order[cell.row], order[cell.column]];
    const score = state.scores[a][b];
    fill(
      readout,
      el("p", { class: "verdict" }, el("span", { class: "score small", text: number(score) }), badge(bandOf(score, state.bands))),
      el("ul", { class: "group" }, line(a), line(b)),
    );
    paint();
  }

  function exportCsv() {
    const { order } = state.linked;
    const rows = order.map((a) => [state.texts[a], ...order.map((b) => state.scores[a][b])]);
    const content = csv([["", ...order.map((place) => state.texts[place])], ...rows]);
    save("matrix.csv", new Blob([content], { type: "text/csv" }));
  }

  function exportPng() {
    canvas.toBlob((blob) => blob && save("matrix.png", blob), "image/png");
  }

  function example() {
    lines.control.value = EXAMPLE[language()];
    changed();
    lines.control.focus();
  }

  return {
    node,
    show() {
      settings.refresh();
      if (waiting) changed();
    },
    hide: requests.stop,
    served() {
      settings.refresh();
      changed();
    },
    relabel() {
      settings.refresh();
      if (state) {
        const kept = least.control.value;
        const cell = chosen;
        show(state);
        least.control.value = kept;
        regroup();
        if (cell) point(cell);
      }
    },
  };
}
