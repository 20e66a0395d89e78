"""What no version names is removed, and only that."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from s3_process import S3Server
from small_collections import small_model, texts

import samesay
from samesay.collection.shared import held
from samesay.collection.shared.cleaning import clean
from samesay.collection.shared.collection import SharedCollection


def test_after_the_grace_only_what_the_newest_version_needs_is_left(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = samesay.open(s3.address(), small_model())
    assert isinstance(kb, SharedCollection)
    for version in range(4):
        kb.add([{"id": str(n), "text": f"{text} {version}"} for n, text in enumerate(texts(30))])
    objects = kb._shared_place.objects
    kb.compact()
    with_grace = {one.name for one in objects.listed("")}
    assert sum(name.startswith("versions/") for name in with_grace) >= 6

    monkeypatch.setattr(
        held, "clean", lambda objects, address, build: clean(objects, address, build, timedelta(0))
    )
    # The server's clock has no parts of seconds: versions of the same second as the newest would stay.
    time.sleep(1.1)
    kb.add([{"id": "last", "text": "amber"}])
    kb.compact()
    left = {one.name for one in objects.listed("")}
    assert sum(name.startswith("versions/") for name in left & with_grace) <= 1  # the last
    assert any(name.startswith("blocks/") for name in with_grace - left)
    assert kb.check().problems == ()
    assert len(kb.search("amber", 50)) == 31
