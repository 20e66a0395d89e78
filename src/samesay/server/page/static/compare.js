// Compare two sentences.

import { writeAddress } from "./address.js";
import { ask, newest } from "./api.js";
import { badge, likelihood, number, promise } from "./bands.js";
import { el, field, fill, tell } from "./dom.js";
import { marked, marksOf, spansOf } from "./highlight.js";
import { language, t } from "./language.js";
import { measured } from "./plot.js";
import { drawScale } from "./scale.js";
import { served } from "./served.js";
import { modelSettings, showProblem } from "./settings.js";

const PAUSE_MILLISECONDS = 60;
const PAUSE_BEFORE_REASONS = 300;
// Safari lets a page write its address a hundred times in thirty seconds.
const PAUSE_BEFORE_ADDRESS = 350;
const EXAMPLES = {
  en: [
    ["Where is my parcel?", "My package has not arrived, can you find it?"],
    ["The ticket costs 30 dollars.", "The ticket costs 40 dollars."],
    ["The shop is open on Sundays.", "商店星期天营业。"],
    ["The cat sleeps on the sofa.", "Interest rates rose in March."],
  ],
  zh: [
    ["我的包裹在哪里？", "快递还没到，能帮我查一下吗？"],
    ["门票三十元。", "门票四十元。"],
    ["商店星期天营业。", "The shop is open on Sundays."],
    ["猫在沙发上睡觉。", "三月份利率上升了。"],
  ],
};

export function compareView() {
  const first = sentence("compare.first");
  const second = sentence("compare.second");
  const settings = modelSettings(changed);
  const general = el("p", { class: "problem", role: "alert", hidden: true });
  const verdict = el("div", { class: "verdict" });
  const warned = el("span", { class: "warned" });
  const spoken = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const drawing = el("div", { class: "drawing" });
  const promised = el("div", {});
  // Stays open from one result to the next.
  const particulars = el("div", {});
  const behind = el("details", {}, el("summary", { say: "compare.behind" }), particulars);
  const why = el("div", { class: "why" });
  const result = el("section", { class: "card", hidden: true, label: "compare.result" }, verdict, drawing, el("div", { class: "behind" }, promised, behind), why);
  const teach = el("section", { class: "card teach" });
  const swap = el("button", { type: "button", class: "plain", say: "compare.swap", on: { click: swapped } });
  const copied = el("span", { class: "quiet", role: "status" });
  const reasonsProblem = el("p", { class: "problem", role: "alert", hidden: true });
  const share = el("button", { type: "button", class: "plain", say: "compare.share", on: { click: shared } });
  const node = el(
    "div",
    {},
    el("h1", { say: "compare.title" }),
    el("div", { class: "pair" }, first.box, second.box),
    el("div", { class: "bar" }, settings.box, el("div", { class: "buttons" }, swap, share, copied)),
    general,
    spoken,
    result,
    teach,
  );
  const decisions = newest(PAUSE_MILLISECONDS);
  const explanations = newest(PAUSE_BEFORE_REASONS);
  const addresses = newest(PAUSE_BEFORE_ADDRESS);
  const scales = new Map();
  let state = null;
  let marksOpen = false;
  const paint = measured(drawing, (width) =>
    state ? drawScale(width, state.scale, state.decision.score) : el("span"),
  );

  function sentence(say) {
    return field(say, el("textarea", { rows: 3, spellcheck: "false", on: { input: changed } }));
  }

  function changed() {
    // Before it is known what is served, the address has more than the controls.
    if (served.models.length) addresses.run(async () => writeDown());
    tell(copied, null);
    explanations.stop();
    if (!first.control.value.trim() || !second.control.value.trim()) {
      decisions.stop();
      problem(null);
      show(null);
      return;
    }
    result.setAttribute("aria-busy", "true");
    decisions.run((signal) => decide(signal));
  }

  function writeDown() {
    writeAddress("compare", { a: first.control.value, b: second.control.value, ...settings.address() });
  }

  async function decide(signal) {
    if (!served.ready) return;
    const request = { ...settings.asked(), pairs: [[first.control.value, second.control.value]] };
    try {
      const [answer, scale] = await Promise.all([ask("/v1/decide", request, signal), scaleOf(request, signal)]);
      problem(null);
      show({ request, answer, scale, decision: answer.decisions[0], reasons: null, failed: null });
    } catch (error) {
      if (signal.aborted) throw error;
      show(null, true);
      problem(error);
      return;
    }
    explanations.run((later) => explain(request, later));
  }

  async function explain(request, signal) {
    try {
      const answer = await ask("/v1/decide", { ...request, explain: true }, signal);
      state = { ...state, reasons: answer.decisions[0].reasons };
      showReasons();
    } catch (error) {
      if (signal.aborted) throw error;
      state = { ...state, failed: error };
      showReasons();
    }
  }

  async function scaleOf(request, signal) {
    const query = new URLSearchParams({ model: request.model, mode: request.mode });
    if (request.task) query.set("task", request.task);
    const address = `/page/scale.json?${query}`;
    if (!scales.has(address)) scales.set(address, await ask(address, null, signal));
    return scales.get(address);
  }

  function problem(error) {
    first.problem(null);
    second.problem(null);
    showProblem(error, { ...settings.fields, pairs: sideOf(error), input: sideOf(error) }, general);
  }

  function sideOf(error) {
    return error?.message.startsWith("right ") ? second : first;
  }

  function show(now, failed = false) {
    state = now;
    result.removeAttribute("aria-busy");
    result.hidden = !now;
    teach.hidden = Boolean(now) || failed;
    if (!now) {
      spoken.textContent = "";
      return;
    }
    const { decision } = now;
    const likely = decision.probability === null ? null : likelihood(decision.probability);
    fill(
      verdict,
      el("span", { class: "score", text: number(decision.score) }),
      badge(decision.band),
      likely && el("span", { text: t("compare.probability", { likely }) }),
      warned,
    );
    spoken.textContent = t("compare.spoken", {
      score: number(decision.score), band: t(`band.${decision.band}`), likely: likely ?? t("compare.unknown"),
    });
    paint();
    showBehind();
    showReasons();
  }

  function showBehind() {
    const { answer, decision } = state;
    const certificate = answer.calibration?.certificate;
    fill(
      promised,
      answer.uncalibrated && el("p", { text: t("compare.uncalibrated") }),
      certificate && certified(promise(certificate, answer.bands.high), decision.certified),
    );
    fill(
      particulars,
      el("p", { class: "quiet", text: answer.identity }),
      answer.uncalibrated && el("p", { class: "quiet", text: answer.uncalibrated }),
      answer.calibration?.note && el("p", { class: "quiet", text: answer.calibration.note }),
    );
  }

  function certified(words, here) {
    return el(
      "p",
      { class: `certificate${here ? " here" : ""}` },
      el("strong", { say: "promise.title" }),
      el("span", { text: words }),
      el("strong", { class: here ? "good" : "quiet", say: here ? "promise.here" : "promise.not" }),
    );
  }

  function showReasons() {
    const { reasons, failed, request } = state;
    const kindsOfConflict = new Set((reasons?.conflicts ?? []).map((one) => one.kind));
    // A score knows nothing of these, however high it is.
    fill(warned, ...[...kindsOfConflict].map((kind) => el("span", { class: "badge conflict", say: `kind.${kind}` })));
    if (failed) {
      fill(why, reasonsProblem);
      showProblem(failed, {}, reasonsProblem);
      return;
    }
    if (!reasons) {
      fill(why, el("p", { class: "quiet", say: "why.coming" }));
      return;
    }
    const words = {
      aligned: (text, score) => t("why.alignedTitle", { text, score: number(score, 2) }),
      alone: (drop) => t("why.aloneTitle", { drop: number(-drop, 3) }),
      term: () => t("why.term"),
      conflict: (one) => `${t(`kind.${one.kind}`)}: ${one.value_a} / ${one.value_b}`,
    };
    const sides = { a: request.pairs[0][0], b: request.pairs[0][1] };
    const spans = { a: spansOf(reasons, "a", words), b: spansOf(reasons, "b", words) };
    const kinds = new Set([...spans.a, ...spans.b].map((one) => one.kind));
    fill(
      why,
      el("h2", { say: "why.title" }),
      kinds.size ? legend(kinds) : el("p", { class: "quiet", say: "why.nothing" }),
      el(
        "div",
        { class: "pair" },
        ...["a", "b"].map((side) => el("p", { class: "text" }, ...marked(sides[side], spans[side]))),
      ),
      listOfMarks(reasons),
      reasons.conflicts.length
        ? el(
            "ul",
            { class: "conflicts", label: "why.conflicts" },
            ...reasons.conflicts.map((one) =>
              el("li", {}, el("span", { say: `kind.${one.kind}` }), el("strong", { text: one.value_a }),
                el("span", { text: "≠", "aria-hidden": "true" }), el("strong", { text: one.value_b }))),
          )
        : null,
    );
  }

  /** The marks in words, for those who do not see them or cannot point at them. */
  function listOfMarks(reasons) {
    const found = marksOf(reasons);
    if (!found.length) return null;
    return el(
      "details", { class: "marks", open: marksOpen, on: { toggle: ({ target }) => (marksOpen = target.open) } },
      el("summary", { say: "why.list" }),
      el("ul", {}, ...found.map(({ kind, a, b, strength }) => el("li", { text: inWords(kind, a, b, strength) }))),
    );
  }

  function inWords(kind, a, b, strength) {
    if (kind === "aligned") return t("why.alignedPair", { a, b, score: number(strength, 2) });
    if (kind === "term") return t("why.termPair", { a, b });
    const side = t(a === null ? "compare.second" : "compare.first");
    return t("why.alonePart", { side, text: a ?? b, drop: number(strength, 3) });
  }

  function legend(kinds) {
    const known = ["aligned", "term", "alone", "conflict"].filter((kind) => kinds.has(kind));
    return el(
      "ul",
      { class: "legend", label: "why.legend" },
      ...known.map((kind) => el("li", {}, el("mark", { class: kind, say: `why.${kind}` }))),
    );
  }

  function swapped() {
    [first.control.value, second.control.value] = [second.control.value, first.control.value];
    changed();
  }

  async function shared() {
    addresses.stop();
    writeDown();
    try {
      await navigator.clipboard.writeText(location.href);
      tell(copied, () => t("compare.copied"));
    } catch {
      tell(copied, () => t("compare.notCopied"));
    }
  }

  function showExamples() {
    fill(
      teach,
      el("h2", { say: "compare.teachTitle" }),
      el("p", { say: "compare.teach" }),
      el(
        "ul",
        { class: "examples" },
        ...EXAMPLES[language()].map(([a, b]) =>
          el("li", {}, el("button", { type: "button", class: "example", on: { click: () => use(a, b) } },
            el("span", { text: a }), el("span", { text: b }))),
        ),
      ),
    );
  }

  function use(a, b) {
    first.control.value = a;
    second.control.value = b;
    changed();
    first.control.focus();
  }

  return {
    node,
    show(values) {
      if (Object.keys(values).length) {
        // A link stands for all that its sender saw, also for what goes without saying.
        first.control.value = values.a ?? "";
        second.control.value = values.b ?? "";
        settings.set(values);
      } else {
        settings.refresh();
      }
      changed();
    },
    hide() {
      addresses.stop();
      decisions.stop();
      explanations.stop();
    },
    served() {
      settings.refresh();
      scales.clear();
      changed();
    },
    relabel() {
      settings.refresh();
      showExamples();
      if (state) show(state);
    },
  };
}
