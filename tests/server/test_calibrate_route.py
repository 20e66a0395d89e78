"""``/v1/calibrate``: as many labelled pairs as people have."""

from __future__ import annotations

import httpx
from serving import QWEN


def labelled(count: int) -> dict[str, object]:
    pairs = [[f"{number}", f"{number if number % 2 else number + 1}"] for number in range(count)]
    return {"model": QWEN, "pairs": pairs, "labels": [number % 2 == 1 for number in range(count)]}


def test_five_thousand_pairs_are_calibrated_by_default_and_no_more(client: httpx.Client) -> None:
    answer = client.post("/v1/calibrate", json=labelled(5000), timeout=250)
    assert answer.status_code == 200, answer.text
    evidence = answer.json()["evidence"]
    assert evidence["matches"] + evidence["non_matches"] == 5000
    refused = client.post("/v1/calibrate", json=labelled(5001))
    assert refused.status_code == 400
    assert "5001 entries; one request may have 5000" in refused.json()["error"]["message"]
