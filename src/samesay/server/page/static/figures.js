// What a threshold does to labelled scores.

/** Give counts and shares of the pairs at or above a threshold; shares of nothing are null. */
export function figuresAt(labelled, threshold) {
  const matches = labelled.filter((one) => one.match).length;
  const accepted = labelled.filter((one) => one.score >= threshold);
  const right = accepted.filter((one) => one.match).length;
  const wrong = accepted.length - right;
  const others = labelled.length - matches;
  const share = (part, whole) => (whole ? part / whole : null);
  return {
    accepted: accepted.length,
    right,
    wrong,
    matches,
    others,
    precision: share(right, accepted.length),
    recall: share(right, matches),
    rate: share(wrong, others),
  };
}

/** Give the threshold with the best F1, the highest of several. */
export function bestThreshold(labelled) {
  const falling = [...labelled].sort((one, other) => other.score - one.score);
  const matches = labelled.filter((one) => one.match).length;
  let [right, best, threshold] = [0, -1, falling[0]?.score ?? 0];
  falling.forEach((one, place) => {
    right += one.match ? 1 : 0;
    if (falling[place + 1]?.score === one.score) return;
    const measure = (2 * right) / (place + 1 + matches);
    if (measure > best) [best, threshold] = [measure, one.score];
  });
  return threshold;
}

/** Count scores in equal steps from one score to another: [[matches, others]]. */
export function histogram(labelled, from, to, steps) {
  const bins = Array.from({ length: steps }, () => [0, 0]);
  for (const { score, match } of labelled) {
    const place = Math.min(steps - 1, Math.max(0, Math.floor(((score - from) / (to - from || 1)) * steps)));
    bins[place][match ? 0 : 1] += 1;
  }
  return bins;
}
