"""Thresholds and promises in words."""

from __future__ import annotations

from samesay.decision.certificate import Certificate
from samesay.decision.intents.fitted import FittedIntents


def describe_threshold(fitted: FittedIntents) -> str:
    """Say from which score on an intent is given, and what that rests on."""
    threshold = fitted.threshold
    if threshold.high is None:
        return "no threshold: every text gets an intent, and nothing says how often it should have none"
    certified = "certified" if fitted.certificates_at(threshold.high) else "uncertified"
    why = {"given": ", as given", "examples": ", which most examples reach when left out"}
    middle = "" if threshold.middle is None else f"; middle from {threshold.middle:.4f}"
    return f"an intent from score {threshold.high:.4f} on ({certified}{why.get(threshold.basis, '')}){middle}"


def describe(certificate: Certificate) -> str:
    """Say a promise in a sentence."""
    confidence = f"with {1 - certificate.delta:.4g} confidence"
    counts = f"bound {certificate.bound:.4f}"
    if certificate.kind == "false-match-rate":
        return (
            f"at most {certificate.target:.4g} of out-of-scope texts get an intent, from score "
            f"{certificate.threshold:.4f} on, {confidence} ({certificate.errors} of {certificate.n} labelled "
            f"ones do; {counts})"
        )
    return (
        f"at least {certificate.target:.4g} of the intents given from score {certificate.threshold:.4f} on "
        f"are right, {confidence} ({certificate.n - certificate.errors} of {certificate.n} texts kept apart "
        f"are; {counts})"
    )
