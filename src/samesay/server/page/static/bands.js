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

/** Write a share in hundredths; one that is neither nothing nor all is never written as if it were. */
export function percent(share, digits = 0) {
  const shown = (share * 100).toFixed(digits);
  const least = 10 ** -digits;
  if (share > 0 && Number(shown) === 0) return `< ${least.toFixed(digits)} %`;
  if (share < 1 && Number(shown) === 100) return `> ${(100 - least).toFixed(digits)} %`;
  return `${shown} %`;
}

/** Write a probability, which is never quite none or all. */
export function likelihood(probability) {
  return percent(Math.min(1 - 1e-9, Math.max(1e-9, probability)));
}

/** Write a share with all the digits that it was given with: it is a promise. */
function exactly(share) {
  return `${Number((share * 100).toPrecision(12))} %`;
}

/** Write a score from which on something holds, so that it holds from what is written on, too. */
function from(score) {
  return number(Math.ceil(score * 10_000 - 1e-6) / 10_000, 4);
}

/** Give the score from which on a certificate speaks: its own, or the begin of the high band where it covers it. */
export function certifiedFrom(certificate, high) {
  const covered = certificate.kind === "precision" && certificate.thresholds.includes(high);
  return covered ? high : certificate.threshold;
}

/**
 * Say what a certificate promises. A rate holds from its own threshold on; a precision at some thresholds only,
 * of which the begin of the high band is one where the certificate covers it.
 */
export function promise(certificate, high = null) {
  const threshold = certifiedFrom(certificate, high);
  const values = {
    target: exactly(certificate.target),
    confidence: exactly(1 - certificate.delta),
    threshold: certificate.kind === "precision" ? number(threshold, 4) : from(threshold),
    errors: certificate.errors,
    n: certificate.n,
  };
  return t(certificate.kind === "precision" ? "promise.precision" : "promise.rate", values);
}
