// Grouped order of texts: average linkage over their scores.

/** Give the mean of both directions for each two texts: a question and a passage score otherwise the other way round. */
export function mutual(scores) {
  return scores.map((row, a) => row.map((score, b) => (score + scores[b][a]) / 2));
}

/**
 * Join the two groups with the highest mean score until one is left.
 *
 * Scores are the same in both directions. Returns the order of the texts, neighbours alike, and for each place but the first the mean score at which
 * it was joined to what stands before it. As means never rise on the way, groups from any score on lie side by
 * side in that order.
 */
export function grouped(scores) {
  const count = scores.length;
  const sums = scores.map((row) => Float64Array.from(row));
  const groups = scores.map((_, place) => ({ order: [place], joins: [] }));
  const alive = new Set(groups.keys());
  while (alive.size > 1) {
    const [a, b, mean] = closest(alive, sums, groups);
    groups[a] = joined(groups[a], groups[b], mean, scores);
    alive.delete(b);
    for (const other of alive) {
      sums[a][other] += sums[b][other];
      sums[other][a] = sums[a][other];
    }
  }
  return count ? groups[alive.values().next().value] : { order: [], joins: [] };
}

function closest(alive, sums, groups) {
  const places = [...alive];
  let best = [places[0], places[1], -Infinity];
  for (let i = 0; i < places.length; i += 1) {
    const row = sums[places[i]];
    const size = groups[places[i]].order.length;
    for (let j = i + 1; j < places.length; j += 1) {
      const mean = row[places[j]] / (size * groups[places[j]].order.length);
      if (mean > best[2]) best = [places[i], places[j], mean];
    }
  }
  return best;
}

/** Put two groups side by side, each turned so that the texts that meet are alike. */
function joined(a, b, mean, scores) {
  const options = [[a, b], [turned(a), b], [a, turned(b)], [turned(a), turned(b)]];
  const meeting = ([left, right]) => scores[left.order[left.order.length - 1]][right.order[0]];
  const [left, right] = options.reduce((best, one) => (meeting(one) > meeting(best) ? one : best));
  return { order: [...left.order, ...right.order], joins: [...left.joins, mean, ...right.joins] };
}

function turned({ order, joins }) {
  return { order: [...order].reverse(), joins: [...joins].reverse() };
}

/** Give the groups of an order from a score on, as lists of texts. */
export function cut({ order, joins }, score) {
  const groups = [];
  order.forEach((text, place) => {
    if (place && joins[place - 1] >= score) groups[groups.length - 1].push(text);
    else groups.push([text]);
  });
  return groups;
}
