// The served models: what they are, and how they do now.

import { ask, askText } from "./api.js";
import { el, fill } from "./dom.js";
import { language, t } from "./language.js";
import { showProblem } from "./settings.js";

const EVERY_MILLISECONDS = 2000;
const FIGURES = ["models.speed", "models.pass", "models.wait", "models.waiting", "models.texts"];

export function modelsView() {
  const general = el("p", { class: "problem", role: "alert", hidden: true });
  const cards = el("div", {}, el("p", { class: "quiet", say: "models.asking" }));
  const process = el("p", {});
  const node = el(
    "div", {}, el("h1", { say: "models.title" }), el("p", { class: "quiet", say: "models.help" }), general, process, cards,
  );
  let timer = null;
  let state = null;
  let drawn = null;

  async function look() {
    clearTimeout(timer);
    if (!node.isConnected || document.hidden) return;
    try {
      const [models, known] = await Promise.all([ask("/v1/models"), ask("/page/served.json")]);
      state = { models: models.data, known, metrics: new Map() };
      showProblem(null, {}, general);
      state.metrics = readMetrics(await askText("/metrics"));
    } catch (error) {
      showProblem(error, {}, general);
    }
    if (state) show();
    clearTimeout(timer);
    timer = setTimeout(look, EVERY_MILLISECONDS);
  }
  document.addEventListener("visibilitychange", look);

  function show() {
    const { models, known } = state;
    write(process, known.memory_bytes === null ? "" : t("models.memory", { mebibytes: (known.memory_bytes / 2 ** 20).toFixed(0) }));
    // Cards are made anew only where there is more to change than figures: what is selected in them stays so.
    const wanted = JSON.stringify([models, language()]);
    if (drawn?.wanted !== wanted) {
      drawn = { wanted, cards: models.map(card) };
      fill(cards, ...drawn.cards.map((one) => one.node));
    }
    models.forEach((model, place) => {
      figuresOf(model).forEach((figure, which) => write(drawn.cards[place].figures[which], figure));
    });
  }

  function write(element, words) {
    if (element.textContent !== words) element.textContent = words;
  }

  function figuresOf(model) {
    const of = (name) => state.metrics.get(`${name}\u0000${model.id}`);
    const mean = (name) => {
      const [sum, count] = [of(`${name}_sum`), of(`${name}_count`)];
      return count ? ((sum / count) * 1000).toFixed(1) : "–";
    };
    return [
      of("samesay_tokens_per_second") ? of("samesay_tokens_per_second").toFixed(0) : "–",
      mean("samesay_batch_seconds"),
      mean("samesay_queue_seconds"),
      String(of("samesay_queue_tokens") ?? "–"),
      String(of("samesay_inputs_total") ?? 0),
    ];
  }

  function card(model) {
    const figures = FIGURES.map(() => el("dd", {}));
    const rows = [
      ["models.identity", model.identity],
      ["models.aliases", model.aliases.join(", ")],
      ["models.precision", model.precision],
      ["models.dimensions", model.dimensions && `${model.dimensions}${model.matryoshka ? ` (${t("models.fewer")})` : ""}`],
      ["models.tokens", model.max_tokens],
    ].filter(([, value]) => value !== undefined && value !== null && value !== "");
    const node = el(
      "section", { class: "card" },
      el("h2", {}, document.createTextNode(`${model.id} `),
        el("span", { class: `badge ${model.ready ? "high" : "middle"}`, text: t(model.ready ? "models.ready" : "models.loading") })),
      el("dl", { class: "figures" }, ...FIGURES.map((say, place) => el("div", {}, el("dt", { say }), figures[place]))),
      el("dl", {}, ...rows.flatMap(([say, value]) => [el("dt", { say }), el("dd", { text: String(value) })])),
    );
    return { node, figures };
  }

  return {
    node,
    show() {
      look();
    },
    hide() {
      clearTimeout(timer);
    },
    served() {
      look();
    },
    relabel() {
      if (state) show();
    },
  };
}

/** Read Prometheus's text: the value of every metric that has a model's label and no other. */
function readMetrics(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const match = /^(\w+)\{model="((?:[^"\\]|\\.)*)"\} (\S+)/.exec(line);
    if (match) found.set(`${match[1]}\u0000${match[2].replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign))}`, Number(match[3]));
  }
  return found;
}
