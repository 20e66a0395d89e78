// Find a threshold from labelled pairs, see what it does, and save it as a calibration.

import { ask, newest } from "./api.js";
import { certifiedFrom, number, percent, promise } from "./bands.js";
import { el, field, fill, save, tell } from "./dom.js";
import { drawDistributions } from "./distributions.js";
import { bestThreshold, figuresAt } from "./figures.js";
import { LineProblem, readLabels } from "./labels.js";
import { t } from "./language.js";
import { measured } from "./plot.js";
import { served } from "./served.js";
import { modelSettings, showProblem } from "./settings.js";

const PAUSE_MILLISECONDS = 150;
const MOST_PAIRS = 5000;
const LARGEST_FILE = 8 * 2 ** 20;
// Pairs are scored in parts, so that progress is seen and no request is too large.
const PART_PAIRS = 256;
const PART_CHARACTERS = 50_000;
const EXAMPLE = [
  "text_a\ttext_b\tlabel",
  "How do I pay?\tWhich ways of paying are there?\t1",
  "How do I pay?\tWhere is my parcel?\t0",
  "Where is my parcel?\tMy package has not arrived.\t1",
  "Where is my parcel?\t我的包裹在哪里？\t1",
  "Can I send it back?\tI want to return this.\t1",
  "Can I send it back?\tCan you send it to Spain?\t0",
  "The shop opens at nine.\tThe shop closes at nine.\t0",
  "The shop opens at nine.\tOpening time is 9 a.m.\t1",
  "Do you deliver abroad?\tDo you ship to other countries?\t1",
  "Do you deliver abroad?\tHow long does delivery take?\t0",
  "I forgot my password.\tHow can I reset my password?\t1",
  "I forgot my password.\tI want to delete my account.\t0",
  "The screen is broken.\tThe display is damaged.\t1",
  "The screen is broken.\tThe screen is very bright.\t0",
  "Is there a discount?\tDo you have a price reduction?\t1",
  "Is there a discount?\tIs there a warranty?\t0",
  "Please cancel my order.\tI no longer want what I ordered.\t1",
  "Please cancel my order.\tWhen will my order arrive?\t0",
  "Can I pay by card?\tDo you take credit cards?\t1",
  "Can I pay by card?\tCan I change my card number?\t0",
  "怎么付款？\t有哪些付款方式？\t1",
  "怎么付款？\t怎么退货？\t0",
  "Who won the match?\tWhere do I find my invoice?\t0",
].join("\n");

export function thresholdView() {
  const pairs = field(
    "threshold.pairs", el("textarea", { rows: 8, spellcheck: "false", wrap: "off", on: { input: changed } }),
    el("p", { class: "help", say: "threshold.help" }),
  );
  const file = field("threshold.file", el("input", { type: "file", accept: ".tsv,.txt,text/tab-separated-values", on: { click: forget, change: load } }));
  const settings = modelSettings(changed);
  const alpha = share("threshold.alpha", "5");
  const precision = share("threshold.precisionTarget", "");
  const general = el("p", { class: "problem", role: "alert", hidden: true });
  const progress = el("p", { class: "quiet", role: "status" });
  const drawing = el("div", { class: "drawing" });
  const slider = field("threshold.at", el("input", { type: "range", min: "-1", max: "1", step: "0.001", on: { input: () => moveTo(Number(slider.control.value)) } }));
  const figures = el("dl", { class: "figures", label: "threshold.figures" });
  const spoken = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const own = el("input", { type: "checkbox", id: "own-threshold", on: { change: promiseChanged } });
  const calibrateButton = el("button", { type: "button", say: "threshold.calibrate", on: { click: calibrate } });
  const problemOfMade = el("p", { class: "problem", role: "alert", hidden: true });
  const made = el("div", {});
  const command = el("pre", { tabindex: "0" });
  const result = el(
    "section", { class: "card", hidden: true, label: "compare.result" },
    drawing, slider.box, figures, spoken,
    el("h2", { say: "threshold.certify" }),
    el("div", { class: "row" }, alpha.box, precision.box),
    el("p", {}, own, document.createTextNode(" "), el("label", { for: "own-threshold", say: "threshold.own" })),
    el("div", { class: "buttons" }, calibrateButton), el("div", { class: "made" }, made, problemOfMade),
    el("p", { class: "quiet", say: "threshold.command" }), command,
  );
  const teach = el(
    "section", { class: "card teach" }, el("h2", { say: "threshold.teachTitle" }), el("p", { say: "threshold.teach" }),
    el("button", { type: "button", say: "threshold.example", on: { click: example } }),
  );
  const node = el("div", {}, el("h1", { say: "threshold.title" }), pairs.box, el("div", { class: "bar" }, file.box, settings.box), general, progress, result, teach);
  const requests = newest(PAUSE_MILLISECONDS);
  const announcing = newest(400);
  // Whether what is written has not been scored, as when the view is left meanwhile.
  let waiting = false;
  let calibrating = null;
  let state = null;
  const paint = measured(drawing, (width) => (state ? drawDistributions(width, state, moveTo) : el("span")));

  function share(say, value) {
    return field(say, el("input", { type: "number", min: "0.1", max: "99.9", step: "0.1", value, on: { input: promiseChanged } }));
  }

  /** A file that is chosen again is read again: it may have changed. */
  function forget() {
    file.control.value = "";
  }

  async function load() {
    const [chosen] = file.control.files;
    const large = chosen && chosen.size > LARGEST_FILE;
    file.problem(large ? () => t("threshold.large", { most: LARGEST_FILE / 2 ** 20 }) : null);
    if (!chosen || large) return;
    try {
      pairs.control.value = new TextDecoder("utf-8", { fatal: true }).decode(await chosen.arrayBuffer());
    } catch {
      file.problem(() => t("threshold.unreadable"));
      return;
    }
    changed();
  }

  function changed() {
    requests.stop();
    calibrating?.abort();
    tell(progress, null);
    teach.hidden = Boolean(pairs.control.value.trim());
    const labelled = read();
    waiting = Boolean(labelled?.length);
    if (!waiting) {
      show(null);
      return;
    }
    result.setAttribute("aria-busy", "true");
    requests.run((signal) => score(labelled, signal));
  }

  function read() {
    try {
      const labelled = readLabels(pairs.control.value);
      const many = labelled.length > MOST_PAIRS;
      pairs.problem(many ? () => t("threshold.many", { count: labelled.length, most: MOST_PAIRS }) : null);
      return many ? null : labelled;
    } catch (error) {
      if (!(error instanceof LineProblem)) throw error;
      pairs.problem(() => t(error.message, { line: error.line, found: error.found }));
      return null;
    }
  }

  async function score(labelled, signal) {
    if (!served.ready) return;
    const asked = settings.asked();
    const scored = [];
    try {
      for (const part of parts(labelled)) {
        const answer = await ask("/v1/similarity", { ...asked, pairs: part.map(({ a, b }) => [a, b]) }, signal);
        part.forEach((one, place) => scored.push({ ...one, score: answer.scores[place] }));
        tell(progress, () => t("threshold.progress", { done: scored.length, all: labelled.length }));
      }
      waiting = false;
      showProblem(null, fields(), general);
      tell(progress, null);
      show(stateOf(asked, scored));
    } catch (error) {
      if (signal.aborted) throw error;
      show(null);
      tell(progress, null);
      showProblem(error, fields(), general);
    }
  }

  function parts(labelled) {
    const most = Math.max(1, Math.min(PART_PAIRS, Math.floor(served.mostInputs / 2)));
    const found = [];
    let room = 0;
    for (const one of labelled) {
      const length = one.a.length + one.b.length;
      const last = found[found.length - 1];
      if (!last || last.length === most || length > room) {
        found.push([one]);
        room = PART_CHARACTERS - length;
      } else {
        last.push(one);
        room -= length;
      }
    }
    return found;
  }

  function fields() {
    return { ...settings.fields, pairs, input: pairs };
  }

  function stateOf(asked, labelled) {
    const scores = labelled.map((one) => one.score);
    const [lowest, highest] = [Math.min(...scores), Math.max(...scores)];
    const room = Math.max(0.01, (highest - lowest) * 0.05);
    return {
      asked, labelled, certified: null, calibration: null, problem: null,
      from: Math.max(-1, lowest - room), to: Math.min(1, highest + room), threshold: bestThreshold(labelled),
    };
  }

  function show(now) {
    state = now;
    if (!waiting) result.removeAttribute("aria-busy");
    result.hidden = !now;
    if (!now) return;
    slider.control.min = now.from.toFixed(3);
    slider.control.max = now.to.toFixed(3);
    drawAt(now.threshold);
    showMade();
  }

  function moveTo(threshold) {
    if (!state) return;
    drawAt(threshold);
    // What was made with another threshold is not what the button would make now.
    if (own.checked) promiseChanged();
  }

  function drawAt(threshold) {
    state.threshold = threshold;
    slider.control.value = threshold.toFixed(3);
    paint();
    const found = figuresAt(state.labelled, threshold);
    const of = (part, whole) => t("threshold.of", { part, whole });
    const shown = (value) => (value === null ? "–" : percent(value, 1));
    const rows = [
      ["threshold.threshold", number(threshold, 4), t("threshold.pairCount", { count: state.labelled.length })],
      ["threshold.precision", shown(found.precision), of(found.right, found.accepted)],
      ["threshold.recall", shown(found.recall), of(found.right, found.matches)],
      ["threshold.wrong", shown(found.rate), of(found.wrong, found.others)],
    ];
    fill(figures, ...rows.map(([say, text, from]) => el("div", {}, el("dt", { say }), el("dd", { text }), el("dd", { class: "quiet", text: from }))));
    announcing.run(async () => {
      spoken.textContent = rows.map(([say, text, from]) => `${t(say)}: ${text}, ${from}`).join("; ");
    });
  }

  /** What is promised, as the server takes it; a share that is not one is told at its field. */
  function promised() {
    const values = {};
    for (const [name, one] of [["alpha", alpha], ["precision", precision]]) {
      const written = one.control.value.trim();
      const value = Number(written) / 100;
      const wrong = (name === "alpha" || written) && !(value > 0 && value < 1);
      one.problem(wrong || one.control.validity.badInput ? () => t("threshold.share") : null);
      if (wrong || one.control.validity.badInput) return null;
      if (written) values[name] = Number(value.toPrecision(12));
    }
    return values;
  }

  /** What was made before is not what the new promise is about. */
  function promiseChanged() {
    if (!state) return;
    calibrating?.abort();
    state.calibration = state.certified = state.problem = null;
    paint();
    showMade();
  }

  function tellCommand() {
    const values = promised();
    const bands = own.checked ? state.calibration?.bands : null;
    if (!values || (own.checked && !bands)) {
      tell(command, values ? () => t("threshold.commandLater") : null);
      return;
    }
    const { model, mode, task } = state.asked;
    const quoted = (words) => `'${words.replaceAll("'", "'\\''")}'`;
    const words = [
      "samesay calibrate pairs.tsv -o pairs.calibration.json",
      `--model ${quoted(model)}`,
      mode === "symmetric" ? "" : `--prompt ${mode}`,
      task ? `--task ${quoted(task)}` : "",
      `--alpha ${values.alpha}`,
      values.precision ? `--precision-target ${values.precision}` : "",
      bands ? `--bands ${bands.high},${bands.middle ?? bands.high}` : "",
    ].filter(Boolean).join(" ");
    tell(command, () => words);
  }

  async function calibrate() {
    const values = promised();
    if (!values) return;
    const asked = state;
    const [count, most] = [asked.labelled.length, served.mostCalibrated];
    if (count > most) {
      asked.problem = { status: 400, param: null, words: () => t("threshold.manyToCalibrate", { count, most }) };
      showMade();
      return;
    }
    const request = {
      ...asked.asked, ...values,
      pairs: asked.labelled.map(({ a, b }) => [a, b]),
      labels: asked.labelled.map(({ match }) => match),
      ...(own.checked ? { high: Math.min(1, asked.threshold) } : {}),
    };
    const { signal } = (calibrating = new AbortController());
    calibrateButton.disabled = true;
    Object.assign(asked, { calibration: null, certified: null, problem: null });
    try {
      const calibration = await ask("/v1/calibrate", request, signal);
      const [certificate] = calibration.certificates;
      const certified = certificate ? certifiedFrom(certificate, calibration.bands.high) : null;
      if (!signal.aborted) Object.assign(asked, { calibration, certified });
    } catch (error) {
      if (error.status === undefined && !signal.aborted) throw error;
      if (!signal.aborted) asked.problem = error;
    } finally {
      calibrateButton.disabled = false;
    }
    // The labels, or what is to be promised, may have changed meanwhile.
    if (signal.aborted || state !== asked) return;
    paint();
    showMade();
  }

  /** Show what was made, or why nothing was, where its button is. */
  function showMade() {
    const { calibration, problem } = state;
    showProblem(problem, { ...settings.fields, alpha, precision }, problemOfMade);
    tellCommand();
    if (!calibration) {
      fill(made);
      return;
    }
    const { bands, certificates, refused, evidence } = calibration;
    const edge = (value) => (value === null ? "–" : number(value, 4));
    fill(
      made,
      el("div", { role: "status" },
        ...certificates.map((one) => el("p", { class: "certificate here" }, el("strong", { class: "good", say: "promise.title" }), el("span", { text: promise(one, bands.high) }))),
        ...refused.map((one) => el("p", { class: "certificate" }, el("strong", { say: "threshold.refused" }), el("span", { text: one.message }))),
        el("p", { text: t("threshold.bands", { high: edge(bands.high), middle: edge(bands.middle) }) }),
        el("p", { class: "quiet", text: t("threshold.evidence", { matches: evidence.matches, others: evidence.non_matches, area: number(evidence.area) }) }),
        el("p", { class: "quiet", text: calibration.key })),
      el("button", { type: "button", say: "threshold.save", on: { click: () => save("pairs.calibration.json", new Blob([calibration.file], { type: "application/json" })) } }),
      el("p", { class: "quiet", say: "threshold.use" }),
    );
  }

  function example() {
    pairs.control.value = EXAMPLE;
    changed();
    pairs.control.focus();
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
      if (waiting || !state) changed();
    },
    relabel() {
      settings.refresh();
      spoken.textContent = "";
      if (state) show(state);
    },
  };
}
