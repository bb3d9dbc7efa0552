"""Training of the colour models: batches, losses and rates by hand, and a network that is read back
the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.colour import StatisticsReader, log_softmax
from core.colour_statistics import FEATURES, Light
from core.settings import DEFAULT_PALETTE
from core.wall import KINDS, Kind
from core.weights import EMBEDDED
from training.colour import (
    FARTHEST,
    HIGHEST_RATE,
    SIDE,
    Pool,
    averaged,
    contrastive_loss,
    converted_logits,
    drawn_batches,
    name_shift,
    rate_at,
    save_statistics,
    split_photos,
    train_clip,
    train_statistics,
)
from training.crops import Crop
from training.render.colours import pigment, triple
from training.sentences import Speaker

NAMES = ("red", "blue", "yellow")


def crop(name: str, photo: str, seed: int = 0, kind: Kind = "hold") -> Crop:
    """A disc in a pigment of that name."""
    colour = triple(pigment(np.random.default_rng(seed), name))
    y, x = np.mgrid[0:40, 0:40] - 19.5
    mask = (np.hypot(x, y) < 17).astype(np.uint8)
    pixels = np.full((40, 40, 3), 150, np.uint8)
    pixels[mask > 0] = colour
    return Crop(pixels, mask, name, Light(60.0, 85.0), photo, kind, colour)


@pytest.fixture(scope="module")
def pools() -> list[tuple[float, Pool]]:
    random = np.random.default_rng(0)
    many = [crop(name, "a", seed) for name in NAMES for seed in range(6)]
    rare = [crop("mint", "b")]
    return [(0.75, Pool(many, 2, random)), (0.25, Pool(rare, 1, random))]


def test_no_photo_is_on_both_sides() -> None:
    crops = [crop("red", f"photo {number % 100}") for number in range(200)]

    kept, held = split_photos(crops, 0.3, seed=1)

    assert len(kept) + len(held) == 200
    assert 20 <= len({c.photo for c in held}) <= 40
    assert not {c.photo for c in kept} & {c.photo for c in held}


def test_photos_named_later_move_none_to_the_other_side() -> None:
    crops = [crop("red", f"photo {number}") for number in range(60)]

    _, early = split_photos(crops[:30], 0.3, seed=1)
    _, late = split_photos(crops, 0.3, seed=1)

    assert [c.photo for c in late][: len(early)] == [c.photo for c in early]


def test_rare_names_are_brought_half_way_up_to_common_ones() -> None:
    crops = [crop("red", "a")] * 16 + [crop("blue", "a")] * 4

    weights = Pool(crops, 1, np.random.default_rng(0)).weights()

    assert weights.sum() == pytest.approx(1)
    assert weights[:16].sum() == pytest.approx(2 * weights[16:].sum())  # not 4, as by number


def test_the_mean_of_networks_is_one_network(pools: list[tuple[float, Pool]]) -> None:
    nets = [train_statistics(pools, seed, steps=3) for seed in range(3)]
    features = pools[0][1].features

    one = averaged(nets)

    with torch.no_grad():
        mean = torch.stack([net(features) for net in nets]).mean(0)
        assert torch.allclose(one(features), mean, atol=1e-5)


def test_names_shift_to_what_is_met_on_holds_and_on_volumes() -> None:
    random = np.random.default_rng(0)
    holds = [crop("red", "a")] * 60 + [crop("blue", "a")] * 60
    volumes = [crop("grey", "a", kind="volume")] * 30 + [crop("red", "a", kind="volume")] * 10
    named = Pool(holds + volumes, 1, random)
    taught = [(1.0, Pool([crop(name, "a") for name in DEFAULT_PALETTE], 1, random))]

    shift = name_shift(taught, named)

    red, blue, grey, mint = map(DEFAULT_PALETTE.index, ("red", "blue", "grey", "mint"))
    hold, volume = shift
    assert hold[blue] > 0 > hold[grey] and volume[grey] > 0 > volume[blue]
    assert volume[grey] - hold[grey] > np.log(10)  # 30 of 40, and none of 120
    assert np.abs(shift).max() <= FARTHEST  # however seldom: another gym may have it
    assert hold[mint] < 0 and volume[mint] < 0  # taught as often as red, met nowhere
    again = name_shift([(0.5, named), (0.5, named)], named)
    assert abs(again[0, red] - again[0, blue]) < 0.1


def test_batches_are_drawn_by_the_shares_of_the_pools(pools: list[tuple[float, Pool]]) -> None:
    random = np.random.default_rng(0)
    batches = drawn_batches(pools, 400, Speaker(random), random)

    pixels, names, words = next(batches)

    assert pixels.shape == (400, 3, SIDE, SIDE) and pixels.dtype == torch.uint8
    assert len(words) == 400 and set(names.tolist()) == {*NAMES, "mint"}
    assert (names == "mint").mean() == pytest.approx(0.25, abs=0.07)
    assert any(word != name for word, name in zip(words, names, strict=True))  # finer words too


def test_the_rate_rises_then_falls_to_a_fiftieth() -> None:
    assert rate_at(0, 0.0) == pytest.approx(HIGHEST_RATE / 50)
    assert rate_at(49, 0.0) == pytest.approx(HIGHEST_RATE)
    assert rate_at(1000, 0.5) == pytest.approx(HIGHEST_RATE * 0.51)
    assert rate_at(1000, 1.0) == pytest.approx(HIGHEST_RATE * 0.02)


def test_the_loss_is_clips_where_every_word_is_another() -> None:
    torch.manual_seed(0)
    images, texts = (torch.nn.functional.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    words = np.array(["red", "blue", "mint", "pink", "wood"])

    found = contrastive_loss(images, texts, torch.tensor(7.0), words, words)

    logits = (7.0 * images @ texts.T).double().numpy()
    diagonal = [-np.diag(log_softmax(part)).mean() for part in (logits, logits.T)]
    assert float(found) == pytest.approx(sum(diagonal) / 2, rel=1e-5)


def test_another_word_of_the_same_name_is_left_out_of_the_loss() -> None:
    unit = torch.eye(3)
    names, words = np.array(["blue", "blue", "red"]), np.array(["blue", "navy", "red"])

    near = contrastive_loss(unit, unit[[0, 0, 2]], torch.tensor(20.0), words, names)
    apart = contrastive_loss(unit, unit[[0, 0, 2]], torch.tensor(20.0), words, words)

    # "navy" sounds like "blue" here: a mistake only where both are taken for different names.
    assert float(near) < 1 < float(apart)


def test_the_statistics_network_learns_and_is_read_back_the_same(
    pools: list[tuple[float, Pool]], tmp_path: Path
) -> None:
    net = train_statistics(pools, seed=1, steps=60)
    shift = np.array([[0.0] * len(DEFAULT_PALETTE), [1.0] * len(DEFAULT_PALETTE)], np.float32)
    save_statistics(net, shift, tmp_path / "statistics.npz")

    features = pools[0][1].features
    with torch.no_grad():
        expected = log_softmax(net(features).numpy())
    reader = StatisticsReader(tmp_path / "statistics.npz")
    assert features.shape[1] == FEATURES and reader.names == DEFAULT_PALETTE
    for kind in KINDS:  # the same for all names: no name gains
        read = reader.read(features.numpy(), [kind] * len(features))
        assert np.allclose(read, expected, atol=1e-4)
    assert (expected.argmax(1) == pools[0][1].names).mean() > 0.9


def test_the_clip_that_ships_is_asked_as_it_is(pools: list[tuple[float, Pool]]) -> None:
    many = pools[0][1]

    logits = converted_logits(EMBEDDED / "colour", many.pixels)

    assert logits.shape == (len(many.names), len(DEFAULT_PALETTE))
    assert (logits.argmax(1) == many.names).mean() > 0.9  # plain discs


def test_a_moment_of_training_gives_a_clip_for_pictures_and_words(
    pools: list[tuple[float, Pool]],
) -> None:
    clip = train_clip(pools, minutes=0.01, seed=1, batch=8)

    with torch.no_grad():
        embeddings = clip.encode_image(torch.zeros(2, 3, SIDE, SIDE), normalize=True)
    assert not clip.training
    assert embeddings.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-4)
