// Bands, scores and shares in words.

import { el } from "./dom.js";
import { t } from "./language.js";

const SIGNS = { high: "●", middle: "◐", low: "○", uncalibrated: "–" };

/** Say which band a score is in; the same as the server does for scores that it decides about. */
export function bandOf(score, bands) {
  if (!bands) return "uncalibrated";
  if (bands.high !== null && Math.fround(score) >= Math.fround(bands.high)) return "high";
  return bands.middle !== null && Math.fround(score) >= Math.fround(bands.middle) ? "middle" : "low";
}

/** Show a band as a sign and a word. */
export function badge(band) {
  return el(
    "span",
    { class: `badge ${band}` },
    el("span", { text: SIGNS[band] ?? "", "aria-hidden": "true" }),
    el("span", { say: `band.${band}` }),
  );
}

export function number(score, digits = 3) {
  return score.toFixed(digits);
}

export function percent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)} %`;
}

/**
 * Say what a certificate promises. A rate holds from its own threshold on; a precision at some thresholds only,
 * of which the begin of the high band is one where the certificate covers it.
 */
export function promise(certificate, high = null) {
  const covered = certificate.kind === "precision" && certificate.thresholds.includes(high);
  const values = {
    target: percent(certificate.target, 0),
    confidence: percent(1 - certificate.delta, 0),
    threshold: number(covered ? high : certificate.threshold),
    errors: certificate.errors,
    n: certificate.n,
  };
  return t(certificate.kind === "precision" ? "promise.precision" : "promise.rate", values);
}
