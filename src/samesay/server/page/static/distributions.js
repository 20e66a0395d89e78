// Two distributions, matches above the axis and the others below, with a threshold that can be dragged.

import { number } from "./bands.js";
import { draw } from "./dom.js";
import { histogram } from "./figures.js";
import { t } from "./language.js";
import { axis, linear } from "./plot.js";

const HEIGHT = 240;
const TOP = 26;
const MIDDLE = 112;
const BOTTOM = 198;
const SIDE = 14;

/** Draw them; `dragged(score)` is told where the threshold is pulled to. */
export function drawDistributions(width, { labelled, from, to, threshold, certified }, dragged) {
  const steps = Math.max(10, Math.min(50, Math.floor(width / 14)));
  const bins = histogram(labelled, from, to, steps);
  const most = Math.max(1, ...bins.flat());
  const x = linear(from, to, SIDE, width - SIDE);
  const height = linear(0, most, 0, MIDDLE - TOP - 4);
  const step = (width - 2 * SIDE) / steps;
  const node = draw("svg", {
    class: "distributions", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img",
    "aria-label": t("threshold.drawing", { threshold: number(threshold) }),
  });
  bins.forEach(([matches, others], place) => {
    const left = SIDE + place * step + 0.5;
    node.append(
      draw("rect", { class: "matches", x: left, width: step - 1, y: MIDDLE - height(matches), height: height(matches) }),
      draw("rect", { class: "others", x: left, width: step - 1, y: MIDDLE, height: height(others) }),
    );
  });
  node.append(
    draw("line", { class: "base", x1: SIDE, x2: width - SIDE, y1: MIDDLE, y2: MIDDLE }),
    axis(from, to, SIDE, width - SIDE, BOTTOM),
    draw("text", { class: "matches", x: SIDE, y: TOP + 2, text: t("threshold.matches") }),
    draw("text", { class: "others", x: SIDE, y: BOTTOM - 6, text: t("threshold.others") }),
  );
  if (certified !== null) {
    node.append(draw("line", { class: "certified", x1: x(certified), x2: x(certified), y1: TOP, y2: BOTTOM }));
  }
  node.append(handle(x(threshold), width, threshold));
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    // The drawing is made anew at every step; its place stays, and the window is what is listened to.
    const left = node.getBoundingClientRect().left + SIDE;
    const follow = ({ clientX }) => {
      const place = Math.min(1, Math.max(0, (clientX - left) / (width - 2 * SIDE)));
      dragged(from + place * (to - from));
    };
    const end = () => removeEventListener("pointermove", follow);
    addEventListener("pointermove", follow);
    addEventListener("pointerup", end, { once: true });
    addEventListener("pointercancel", end, { once: true });
    follow(event);
  });
  return node;
}

function handle(x, width, threshold) {
  const end = x > width - 60 ? "end" : x < 60 ? "start" : "middle";
  return draw(
    "g",
    { class: "mark handle" },
    draw("line", { x1: x, x2: x, y1: TOP - 8, y2: BOTTOM }),
    draw("circle", { cx: x, cy: MIDDLE, r: 8 }),
    draw("text", { x, y: TOP - 12, "text-anchor": end, text: number(threshold) }),
  );
}
