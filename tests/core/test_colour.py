"""Naming colours: the arithmetic against torch and plain formulas, the road with planted models."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import colour
from core.colour import (
    ALTERNATIVE_SHARE,
    ALTERNATIVES,
    SETTLED,
    UNFITTED,
    Calibration,
    ColourReader,
    StatisticsReader,
    gelu,
    kinship,
    log_softmax,
    name_colour,
)
from core.colour_statistics import FEATURES, Light
from core.masks import BoxMask
from core.settings import DEFAULT_PALETTE, load_settings
from core.weights import ModelFiles
from tests.core.fakes import FakeSession

LIGHT = Light(60.0, 80.0)
SIDE = 24
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
BIAS = 3.0
EXTRA = "navy"  # has an embedding near blue's, but the statistics network does not know it


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values)).astype(np.float32)


def stored_embeddings() -> dict[str, np.ndarray]:
    """A direction of its own for every palette name; navy between blue and a little black."""
    axes = np.eye(len(DEFAULT_PALETTE), dtype=np.float32)
    table = dict(zip(DEFAULT_PALETTE, axes, strict=True))
    return table | {EXTRA: unit(table["blue"] + 0.3 * table["black"])}


def statistics_file(path: Path, favourite: str = "", bias: float = BIAS) -> Path:
    """A network of one layer whose answer is always ``favourite``, or nothing in particular."""
    biases = np.array([bias * (name == favourite) for name in DEFAULT_PALETTE], np.float32)
    weight = np.zeros((len(DEFAULT_PALETTE), FEATURES), np.float32)
    even = np.zeros((2, len(DEFAULT_PALETTE)), np.float32)
    np.savez(path, names=np.array(DEFAULT_PALETTE), w0=weight, b0=biases, shift=even)
    return path


def by_middle(tensor: np.ndarray) -> list[np.ndarray]:
    """Stands for the image tower: the red value of the middle pixel is ten times the colour's
    number.
    """
    scale, offset = np.array(STD)[:, None, None], np.array(MEAN)[:, None, None]
    pixels = (tensor * scale + offset) * 255
    numbers = np.round(pixels[:, 0, SIDE // 2, SIDE // 2] / 10).astype(int)
    return [np.eye(len(DEFAULT_PALETTE), dtype=np.float32)[numbers % len(DEFAULT_PALETTE)]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = stored_embeddings()
    names, embeddings = np.array(list(table)), np.stack([*table.values()])
    np.savez(tmp_path / "prompts.npz", names=names, embeddings=embeddings)
    config = {"image_size": SIDE, "mean": MEAN, "std": STD, "logit_scale": 20.0}
    config["context_length"] = 20
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def make_reader(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    favourite: str = "",
    bias: float = BIAS,
    answer: Any = by_middle,
    **settings: object,
) -> tuple[ColourReader, FakeSession]:
    session = FakeSession(answer)
    monkeypatch.setattr(colour, "open_session", lambda *_, **__: session)
    files = ModelFiles(folder, "fake", "0" * 12)
    network = statistics_file(folder / "statistics.npz", favourite, bias)
    return ColourReader(files, network, load_settings(**settings)), session


def wall_of(names: list[str]) -> tuple[np.ndarray, list[BoxMask]]:
    """A picture with one square per name, which :func:`by_middle` reads as that name."""
    pixels = np.full((20, 20 * max(len(names), 1), 3), 200, np.uint8)
    masks = []
    for place, name in enumerate(names):
        pixels[:, 20 * place : 20 * place + 20] = 10 * DEFAULT_PALETTE.index(name)
        masks.append(BoxMask(20 * place, 0, np.ones((20, 20), np.uint8)))
    return pixels, masks


def read(reader: ColourReader, names: list[str]) -> tuple[list[Any], list[float]]:
    """Colours and the shares that were told on the way."""
    work, shares = reader.read(*wall_of(names), ["hold"] * len(names), LIGHT), []
    while True:
        try:
            shares.append(next(work))
        except StopIteration as ended:
            return ended.value, shares


def test_gelu_is_torchs() -> None:
    x = np.linspace(-12, 12, 4001, dtype=np.float32)

    expected = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()

    assert np.abs(gelu(x) - expected).max() < 1e-6


def test_log_softmax_is_torchs_and_survives_large_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 300, (50, 13))

    expected = torch.log_softmax(torch.from_numpy(logits), -1).numpy()

    assert np.allclose(log_softmax(logits), expected, atol=1e-9)


@pytest.mark.parametrize("widths", [[], [32], [64, 48, 16]])
def test_the_statistics_network_is_torchs(widths: list[int], tmp_path: Path) -> None:
    torch.manual_seed(len(widths))
    sizes = [FEATURES, *widths, len(DEFAULT_PALETTE)]
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    arrays = {f"w{i}": layer.weight.detach().numpy() for i, layer in enumerate(layers)}
    arrays |= {f"b{i}": layer.bias.detach().numpy() for i, layer in enumerate(layers)}
    shift = np.random.default_rng(2).normal(0, 1, (2, len(DEFAULT_PALETTE)))
    np.savez(tmp_path / "s.npz", names=np.array(DEFAULT_PALETTE), shift=shift, **arrays)
    features = np.random.default_rng(1).normal(0, 2, (40, FEATURES)).astype(np.float32)

    kinds = ["hold", "volume"] * 20
    ours = StatisticsReader(tmp_path / "s.npz").read(features, kinds)

    values = torch.from_numpy(features)
    for index, layer in enumerate(layers):
        values = layer(torch.nn.functional.gelu(values) if index else values)
    shifted = values + torch.from_numpy(np.tile(shift, (20, 1)))
    assert np.allclose(ours, torch.log_softmax(shifted, -1).detach().numpy(), atol=2e-5)


def test_a_statistics_file_is_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", names=np.array([object()], dtype=object))

    with pytest.raises(ValueError, match="allow_pickle"):
        StatisticsReader(tmp_path / "s.npz")


@pytest.mark.parametrize("count", [1, 7, 8, 9, 20])
def test_batches_have_one_shape(count: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, session = make_reader(folder, monkeypatch, clip_batch_size=8)
    names = [DEFAULT_PALETTE[i % 13] for i in range(count)]

    colours, shares = read(reader, names)

    assert session.shapes == [(8, 3, SIDE, SIDE)] * -(-count // 8)
    assert [c.name for c in colours] == names  # in order, also in the last, half-filled batch
    assert shares == sorted(shares) and shares[-1] == 1.0


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_batch_size_is_that_of_the_settings(
    batch: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, session = make_reader(folder, monkeypatch, clip_batch_size=batch)
    reader.warm_up()
    read(reader, ["red"] * 5)

    assert set(session.shapes) == {(batch, 3, SIDE, SIDE)}


def test_no_holds_no_colours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, session = make_reader(folder, monkeypatch)

    assert read(reader, []) == ([], []) and session.shapes == []


def test_pixels_are_normalised_as_the_model_card_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, session = make_reader(folder, monkeypatch, clip_batch_size=1)

    read(reader, ["mint"])

    middle = session.inputs[0][0, :, SIDE // 2, SIDE // 2]
    value = 10 * DEFAULT_PALETTE.index("mint") / 255
    assert np.allclose(middle, (value - np.array(MEAN)) / STD, atol=1e-5)
    corner = session.inputs[0][0, :, 0, 0]
    assert np.allclose(corner, (127 / 255 - np.array(MEAN)) / STD, atol=1e-5)


def test_only_palette_names_are_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    palette = ("blue", "wood", "red")
    reader, _ = make_reader(folder, monkeypatch, palette=palette)

    colours, _ = read(reader, list(DEFAULT_PALETTE))

    given = {c.name for c in colours} | {n for c in colours for n, _ in c.alternatives}
    assert given <= set(palette)
    named = dict(zip(DEFAULT_PALETTE, (c.name for c in colours), strict=True))
    assert {name: named[name] for name in palette} == {name: name for name in palette}


def test_confidence_is_the_fitted_sum_of_both_readers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def image_tower(tensor: np.ndarray) -> list[np.ndarray]:
        table = stored_embeddings()
        return [np.stack([unit(table["red"] + 0.8 * table["pink"])] * len(tensor))]

    reader, _ = make_reader(folder, monkeypatch, favourite="pink", answer=image_tower)

    (found,), _ = read(reader, ["red"])

    table = stored_embeddings()
    prompts = torch.from_numpy(np.stack([table[name] for name in DEFAULT_PALETTE]))
    image = torch.from_numpy(unit(table["red"] + 0.8 * table["pink"]))
    clip = torch.log_softmax(20.0 * prompts @ image, 0).double()
    known = torch.softmax(torch.tensor([BIAS * (n == "pink") for n in DEFAULT_PALETTE]), 0)
    both = UNFITTED["clip"] * clip + UNFITTED["statistics"] * torch.log(known.double())
    expected = dict(zip(DEFAULT_PALETTE, torch.softmax(both, 0).tolist(), strict=True))
    assert found.name == "pink"
    assert found.confidence == pytest.approx(expected["pink"], abs=0.01)
    assert found.alternatives[0] == ("red", pytest.approx(expected["red"], abs=0.01))


def test_clip_is_not_asked_what_the_statistics_settle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = len(DEFAULT_PALETTE) - 1
    line = np.log(SETTLED / (1 - SETTLED) * others)  # the bias that reaches SETTLED exactly
    for bias, asked in ((line + 0.01, 0), (line - 0.01, 2)):
        reader, session = make_reader(folder, monkeypatch, favourite="green", bias=bias)

        colours, shares = read(reader, ["red"] * 10)

        assert len(session.shapes) == asked
        assert {colour.name for colour in colours} == ({"red"} if asked else {"green"})
        assert shares == sorted(shares) and shares[-1] == 1


def test_a_settled_name_has_the_confidence_of_both_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = make_reader(folder, monkeypatch, favourite="green", bias=6.0)

    ((green,), _) = read(reader, ["red"])

    power = np.exp(6.0 * (UNFITTED["clip"] + UNFITTED["statistics"]))
    assert green.confidence == pytest.approx(power / (power + len(DEFAULT_PALETTE) - 1), rel=1e-4)


def test_a_word_unknown_to_the_statistics_leans_on_its_neighbours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undecided(tensor: np.ndarray) -> list[np.ndarray]:
        return [np.full((len(tensor), 13), 13**-0.5, np.float32)]

    named = {}
    for favourite in ("blue", "red"):
        reader, _ = make_reader(
            folder,
            monkeypatch,
            favourite=favourite,
            answer=undecided,
            palette=(EXTRA, "red", "yellow"),
        )
        named[favourite] = read(reader, ["black"])[0][0].name

    assert named == {"blue": EXTRA, "red": "red"}


def test_kinship_gives_known_words_their_own_share() -> None:
    table = stored_embeddings()
    known = np.stack([table[name] for name in DEFAULT_PALETTE])
    palette = ("red", EXTRA)

    shares = kinship(palette, np.stack([table[n] for n in palette]), DEFAULT_PALETTE, known)

    assert shares[:, 0].tolist() == [float(name == "red") for name in DEFAULT_PALETTE]
    assert shares[:, 1].sum() == pytest.approx(1.0)
    assert DEFAULT_PALETTE[shares[:, 1].argmax()] == "blue"
    assert shares[:, 1].max() > 0.9


def test_the_text_tower_stays_closed_for_stored_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the text tower was opened")

    monkeypatch.setattr(colour, "open_text_tower", refuse)

    make_reader(folder, monkeypatch, palette=("red", EXTRA))


def test_a_new_word_is_encoded_once_and_by_the_models_own_context(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[tuple[str, ...], int]] = []

    def encode(_: object, words: list[str], context: int, threads: int) -> dict[str, np.ndarray]:
        assert threads == 2
        asked.append((tuple(words), context))
        return {word: stored_embeddings()["green"] for word in words}

    monkeypatch.setattr(colour, "encode_words", encode)

    reader, _ = make_reader(
        folder, monkeypatch, palette=("lime", "red"), favourite="green", omp_num_threads=2
    )

    assert asked == [(("lime",), 20)]
    assert read(reader, ["green"])[0][0].name == "lime"


def test_sure_from_the_threshold_on() -> None:
    shares = np.array([0.75, 0.25])

    assert name_colour(shares, ("red", "blue"), (1, 2, 3), 0.75).sure
    assert not name_colour(shares, ("red", "blue"), (1, 2, 3), 0.7501).sure


def test_alternatives_are_the_next_best_names() -> None:
    shares = np.array([0.01, 0.2, 0.5, 0.19, 0.1, 0.0])
    names = ("a", "b", "c", "d", "e", "f")

    found = name_colour(shares, names, (1, 2, 3), 0.6)

    assert (found.name, found.confidence, found.rgb) == ("c", 0.5, (1, 2, 3))
    assert found.alternatives == (("b", 0.2), ("d", 0.19), ("e", 0.1))
    assert len(found.alternatives) == ALTERNATIVES
    certain = name_colour(np.array([1.0, ALTERNATIVE_SHARE / 2]), ("a", "b"), (0, 0, 0), 0.5)
    assert certain.alternatives == ()


def test_equal_shares_go_to_the_earlier_palette_word() -> None:
    assert name_colour(np.array([0.5, 0.5]), ("red", "blue"), (0, 0, 0), 0.5).name == "red"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, UNFITTED),
        ({"calibration": None}, UNFITTED),
        ({"calibration": {"temperature": 1.5}}, UNFITTED),
        ({"calibration": {"sure": 0.6}}, {**UNFITTED, "sure": 0.6}),
        (
            {"calibration": {"clip": 1, "statistics": 0.5, "sure": 0.9, "held_out": {"crops": 9}}},
            {"clip": 1.0, "statistics": 0.5, "sure": 0.9},
        ),
    ],
)
def test_calibration_comes_from_the_model_or_the_default(
    config: dict[str, object], expected: dict[str, float]
) -> None:
    assert Calibration.from_config(config) == Calibration(**expected)
