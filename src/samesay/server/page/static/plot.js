// What all drawings share: axes, and a width that follows the window.

import { draw } from "./dom.js";

/** Draw into a box now and whenever its width changes; `paint(width)` gives the drawing. */
export function measured(box, paint) {
  let shown = 0;
  const render = () => {
    const width = Math.floor(box.clientWidth);
    if (!width) return;
    shown = width;
    box.replaceChildren(paint(width));
  };
  new ResizeObserver(() => Math.floor(box.clientWidth) !== shown && render()).observe(box);
  return render;
}

/** Give a function from numbers to places. */
export function linear(from, to, begin, end) {
  return (value) => begin + ((value - from) / (to - from || 1)) * (end - begin);
}

/** Give round numbers between two, about so many. */
export function ticks(from, to, about) {
  const raw = (to - from) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
  const found = [];
  for (let place = Math.ceil(from / step); place * step <= to + step * 1e-9; place += 1) {
    found.push(Number((place * step).toPrecision(12)));
  }
  return found;
}

/** Draw an axis with numbers below a drawing. */
export function axis(from, to, begin, end, y) {
  const x = linear(from, to, begin, end);
  const group = draw("g", { class: "axis" }, draw("line", { x1: begin, x2: end, y1: y, y2: y }));
  for (const value of ticks(from, to, (end - begin) / 70)) {
    group.append(
      draw("line", { x1: x(value), x2: x(value), y1: y, y2: y + 5 }),
      draw("text", { x: x(value), y: y + 18, "text-anchor": "middle", text: String(value) }),
    );
  }
  return group;
}

/** Give the path through points. */
export function path(points) {
  return points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}
