// A heat map on a canvas: one cell a pair, light where unlike, dark where alike.

// From unlike to alike: away from the colour of the page.
const STOPS = {
  light: [[243, 246, 249], [158, 202, 225], [33, 113, 181], [8, 29, 72]],
  dark: [[24, 32, 42], [26, 72, 122], [70, 146, 206], [214, 236, 252]],
};
const CHOSEN = { light: "#d9480f", dark: "#ffb454" };
const MARGIN = 26;
const LEAST_LABELLED = 11;

/** Say which theme a canvas is in: the one whose ink is light is dark. */
function themeOf(style) {
  return Number(/\d+/.exec(style.color)?.[0]) > 127 ? "dark" : "light";
}

/** Give the colour of a share from 0 to 1. */
function colour(share, theme) {
  const stops = STOPS[theme];
  const place = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const [from, to] = [stops[Math.floor(place)], stops[Math.floor(place) + 1]];
  return from.map((value, part) => Math.round(value + (to[part] - value) * (place % 1)));
}

/** Paint scores (rows of numbers) in an order; `groups` are outlined, `chosen` is a cell or null. */
export function paintHeatmap(canvas, side, { scores, order, groups, lowest, chosen }) {
  const style = getComputedStyle(canvas);
  const theme = themeOf(style);
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(side * ratio);
  canvas.style.width = canvas.style.height = `${side}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, side, side);
  const cell = (side - MARGIN) / order.length;
  context.imageSmoothingEnabled = false;
  context.drawImage(cells(scores, order, lowest, theme), MARGIN, MARGIN, side - MARGIN, side - MARGIN);
  label(context, order, cell, style);
  labelColumns(context, order, cell);
  outline(context, groups, cell, style.color);
  if (chosen) {
    context.strokeStyle = CHOSEN[theme];
    context.lineWidth = 2;
    context.strokeRect(
      MARGIN + chosen.column * cell - 1, MARGIN + chosen.row * cell - 1, Math.max(4, cell + 2), Math.max(4, cell + 2),
    );
  }
}

/** Paint the colours from unlike to alike into a narrow canvas. */
export function paintKey(canvas) {
  const theme = themeOf(getComputedStyle(canvas));
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = `rgb(${colour(x / (canvas.width - 1), theme).join(" ")})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}

function cells(scores, order, lowest, theme) {
  const count = order.length;
  const small = document.createElement("canvas");
  small.width = small.height = count;
  const context = small.getContext("2d");
  const image = context.createImageData(count, count);
  let place = 0;
  for (const row of order) {
    for (const column of order) {
      const [red, green, blue] = colour((scores[row][column] - lowest) / (1 - lowest || 1), theme);
      image.data.set([red, green, blue, 255], place);
      place += 4;
    }
  }
  context.putImageData(image, 0, 0);
  return small;
}

function label(context, order, cell, style) {
  const every = Math.max(1, Math.ceil(LEAST_LABELLED / cell));
  context.fillStyle = style.color;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  order.forEach((text, place) => {
    if (place % every) return;
    const middle = MARGIN + (place + 0.5) * cell;
    context.textAlign = "right";
    context.fillText(String(text + 1), MARGIN - 4, middle);
  });
}

/** Columns have labels as far apart as three digits need. */
function labelColumns(context, order, cell) {
  const every = Math.max(1, Math.ceil(22 / cell));
  context.textAlign = "center";
  order.forEach((text, place) => {
    if (place % every === 0) context.fillText(String(text + 1), MARGIN + (place + 0.5) * cell, MARGIN / 2 + 2);
  });
}

function outline(context, groups, cell, ink) {
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  let begin = 0;
  for (const group of groups) {
    if (group.length > 1) {
      context.strokeRect(MARGIN + begin * cell, MARGIN + begin * cell, group.length * cell, group.length * cell);
    }
    begin += group.length;
  }
}

/** Say which cell is at a place of the canvas, or null. */
export function cellAt(x, y, side, count) {
  const cell = (side - MARGIN) / count;
  const [column, row] = [x, y].map((value) => Math.floor((value - MARGIN) / cell));
  return [column, row].every((value) => value >= 0 && value < count) ? { row, column } : null;
}
