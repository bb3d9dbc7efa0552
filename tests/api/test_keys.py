"""Keys are kept hashed and recognised exactly."""

from __future__ import annotations

import hashlib

import pytest

from api.keys import Keyring
from core.errors import SettingsError
from tests.api.faces import KEY

OTHER = "another-key-that-is-long-enough"


def test_plain_and_hashed_keys_are_recognised() -> None:
    hashed = hashlib.sha256(OTHER.encode()).hexdigest()
    ring = Keyring.from_text(f" {KEY}, sha256:{hashed.upper()} ,")

    names = {ring.recognise(KEY), ring.recognise(OTHER)}

    assert None not in names and len(names) == 2
    assert ring


@pytest.mark.parametrize("wrong", ["", KEY[:-1], KEY + "x", KEY.upper(), "ключ", "\udcff"])
def test_any_other_key_is_not(wrong: str) -> None:
    assert Keyring.from_text(KEY).recognise(wrong) is None


def test_the_hash_itself_opens_nothing() -> None:
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    ring = Keyring.from_text(f"sha256:{hashed}")

    assert ring.recognise(hashed) is None
    assert ring.recognise(f"sha256:{hashed}") is None


def test_without_keys_nothing_is_recognised() -> None:
    ring = Keyring.from_text(" , ")

    assert not ring
    assert ring.recognise("") is None


@pytest.mark.parametrize(
    "text",
    ["short", f"{KEY},tiny", "sha256:abc", f"sha256:{'g' * 64}", f"{KEY}é", f"{KEY},\udcff{KEY}x"],
)
def test_a_key_that_cannot_be_used_stops_the_start_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Keyring.from_text(text)

    bad = text.rsplit(",", 1)[-1]
    assert bad not in str(caught.value)
    assert f"key number {text.count(',') + 1}" in str(caught.value)


def test_neither_key_nor_digest_is_in_the_ring_as_shown() -> None:
    ring = Keyring.from_text(KEY)

    assert KEY not in repr(ring)
    assert hashlib.sha256(KEY.encode()).hexdigest() not in repr(ring)
