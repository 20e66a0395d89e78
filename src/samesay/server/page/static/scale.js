// A score on the scale of its model: where pairs seldom match, where they mostly do, and the bands.

import { number, percent } from "./bands.js";
import { draw } from "./dom.js";
import { t } from "./language.js";
import { axis, linear, path } from "./plot.js";

const HEIGHT = 172;
const TOP = 32;
const BOTTOM = 106;
const STRIP = 24;
const SIDE = 14;

/** Draw the scale, and the score on it; without a calibration from 0 to 1, with nothing but the score. */
export function drawScale(width, scale, score) {
  const points = scale?.points ?? null;
  const [from, to] = domain(points, score);
  const x = linear(from, to, SIDE, width - SIDE);
  const node = draw("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": described(scale, score),
  });
  if (points) node.append(...zones(scale.bands, from, to, x), curve(points, x));
  const floor = BOTTOM + (points ? STRIP : 0);
  node.append(axis(from, to, SIDE, width - SIDE, floor));
  if (points) {
    node.append(
      draw("text", { x: SIDE, y: HEIGHT - 4, class: "quiet", text: t("scale.unlike") }),
      draw("text", {
        x: width - SIDE, y: HEIGHT - 4, class: "quiet", "text-anchor": "end", text: t("scale.alike"),
      }),
    );
  }
  node.append(mark(x(score), width, score, floor));
  return node;
}

function domain(points, score) {
  const from = points ? points[0][0] : 0;
  const to = points ? points[points.length - 1][0] : 1;
  const room = (to - from) * 0.03;
  return [Math.max(-1, Math.min(from, score - room)), Math.min(1, Math.max(to, score + room))];
}

function zones(bands, from, to, x) {
  const clamp = (value) => Math.min(to, Math.max(from, value));
  const high = bands?.high ?? to;
  const middle = bands?.middle ?? high;
  return [["low", from, middle], ["middle", middle, high], ["high", high, to]]
    .map(([band, begin, end]) => [band, x(clamp(begin)), x(clamp(end))])
    .filter(([, begin, end]) => end - begin > 0.5)
    .map(([band, begin, end]) =>
      draw(
        "g",
        { class: `zone ${band}` },
        draw("rect", { class: "faint", x: begin, y: TOP, width: end - begin, height: BOTTOM - TOP }),
        draw("rect", { x: begin, y: BOTTOM, width: end - begin, height: STRIP }),
        end - begin > 44
          ? draw("text", { x: (begin + end) / 2, y: BOTTOM + 17, "text-anchor": "middle", text: t(`band.${band}`) })
          : null,
      ),
    );
}

function curve(points, x) {
  const y = linear(0, 1, BOTTOM, TOP);
  return draw("path", { class: "curve", d: path(points.map(([score, likely]) => [x(score), y(likely)])) });
}

function mark(x, width, score, floor) {
  const end = x > width - 60 ? "end" : x < 60 ? "start" : "middle";
  return draw(
    "g",
    { class: "mark" },
    draw("line", { x1: x, x2: x, y1: TOP - 6, y2: floor }),
    draw("circle", { cx: x, cy: TOP - 6, r: 5 }),
    draw("text", { x, y: TOP - 17, "text-anchor": end, text: number(score) }),
  );
}

function described(scale, score) {
  if (!scale?.points) return t("scale.bare", { score: number(score) });
  const at = (share) => {
    const found = scale.points.find(([, likely]) => likely >= share);
    return found ? number(found[0]) : "–";
  };
  return t("scale.described", {
    score: number(score), half: at(0.5), sure: at(0.9), rare: at(0.1), ninety: percent(0.9), ten: percent(0.1),
  });
}
