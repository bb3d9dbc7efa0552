"""What is said about holds: words that fit their colour."""

from __future__ import annotations

import numpy as np

from core.prompts import PROMPT_TEMPLATES
from core.settings import DEFAULT_PALETTE
from training.render.colours import srgb_to_lab
from training.sentences import CLOSE, COARSE, EXTRA_TEMPLATES, Speaker, finer_words

KNOWN_VALUES = {"navy": (0, 0, 128), "coral": (255, 127, 80), "chocolate": (210, 105, 30)}
"""CSS Color Module Level 4."""


def test_finer_words_have_the_values_people_gave_them() -> None:
    words, lab = finer_words()

    assert len(words) == len(set(words)) == len(lab) > 800
    for word, rgb in KNOWN_VALUES.items():
        expected = srgb_to_lab(np.array(rgb))
        assert np.linalg.norm(lab[words.index(word)] - expected) < 0.7


def test_coarse_words_are_left_out() -> None:
    words, _ = finer_words()

    assert not any(COARSE.search(word) for word in words)
    assert not any("/" in word or ":" in word for word in words)


def test_a_finer_word_is_close_to_the_pigment() -> None:
    speaker = Speaker(np.random.default_rng(0))
    values = dict(zip(speaker.words, speaker.lab, strict=True))
    pigment = srgb_to_lab(np.array(KNOWN_VALUES["navy"]))

    said = [speaker.word("blue", pigment) for _ in range(400)]

    finer = [word for word in said if word != "blue"]
    assert 0.25 < len(finer) / len(said) < 0.45
    assert all(np.linalg.norm(values[word] - pigment) < CLOSE for word in finer)
    assert "navy" in finer


def test_without_a_pigment_the_palette_name_is_said() -> None:
    speaker = Speaker(np.random.default_rng(0))

    assert {speaker.word("mint", None) for _ in range(50)} == {"mint"}


def test_a_pigment_far_from_every_word_keeps_its_name() -> None:
    speaker = Speaker(np.random.default_rng(0))

    assert {speaker.word("red", np.array([50.0, 300.0, 300.0])) for _ in range(50)} == {"red"}


def test_sentences_use_every_template_and_repeat_with_their_seed() -> None:
    said = [Speaker(np.random.default_rng(2)).sentence("red")] * 2
    assert said[0] == said[1]

    speaker = Speaker(np.random.default_rng(1))
    sentences = {speaker.sentence("red") for _ in range(600)}
    assert sentences == {t.format("red") for t in (*PROMPT_TEMPLATES, *EXTRA_TEMPLATES)}


def test_every_template_has_one_place_for_the_word() -> None:
    for template in (*PROMPT_TEMPLATES, *EXTRA_TEMPLATES):
        assert template.count("{}") == 1
    assert len(DEFAULT_PALETTE) == 13
