"""Hold crops and mask cores -> colour names with confidence.

Two readers in a cascade: a small network reads colour statistics of the mask core
(:mod:`core.colour_statistics`) of every hold; where that leaves a doubt, the CLIP image tower
compares the masked crop with stored prompt embeddings of the palette. Their log-probabilities are
added with fitted weights, so the sum is a calibrated confidence; below the fitted threshold the
name is not sure and the setter decides. Grouping holds into problems happens elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles, Floats
from core.colour_crops import masked_crop
from core.colour_statistics import Light, ground_around, statistics
from core.masks import BoxMask, mask_core
from core.prompts import pool_prompts, prompts_for
from core.sessions import open_session
from core.settings import Settings
from core.wall import KINDS, Colour, Kind
from core.weights import ModelFiles, open_text_tower

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


ALTERNATIVES = 3
"""How many other names go with a hold's name, at most."""

ALTERNATIVE_SHARE = 0.02
"""Names below this probability are not offered."""

KINSHIP = 12.0
"""How sharply a palette word that the statistics network does not know leans on its nearest known
names, by text.
"""

STATISTICS_SHARE = 0.3
"""What of the naming the statistics take, roughly, where CLIP is asked for most holds."""

SETTLED = 0.9
"""A name that the statistics give at least this probability is not put before CLIP, which takes
most of the time of naming: of 10,820 holds on validation photos it would have changed none of the
6,684 names above this.
"""

UNFITTED = {"clip": 0.35, "statistics": 0.8, "sure": 0.75}
"""Weights and threshold for a CLIP that was not calibrated here, such as ViT-B-32 from a hub."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Factors of the two readers' log-probabilities, and the confidence from which a name is
    sure.
    """

    clip: float
    statistics: float
    sure: float

    @classmethod
    def from_config(cls, config: dict[str, object]) -> Calibration:
        """Read the ``calibration`` of a colour model's ``config.json``; UNFITTED where it has
        none.
        """
        found = config.get("calibration")
        values = {**UNFITTED, **(found if isinstance(found, dict) else {})}
        return cls(float(values["clip"]), float(values["statistics"]), float(values["sure"]))


class StatisticsReader:
    """The network from colour statistics to names, in numpy.

    Pale grey plastic in the shade looks like white plastic, but volumes are grey far more often
    than holds are: ``shift``, a row for each of KINDS, is the logarithm of how much more often a
    name is met on a hold or a volume than where the network learned it.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.names = tuple(str(name) for name in file["names"])
            count = sum(key.startswith("w") for key in file.files)
            self._layers = [(file[f"w{i}"], file[f"b{i}"]) for i in range(count)]
            self._shift = file["shift"]

    def read(self, features: Floats, kinds: Sequence[Kind]) -> Doubles:
        """Log-probabilities float64 (N, names) of features float32 (N, FEATURES) of what is a hold
        or a volume.
        """
        values = features
        for index, (weight, bias) in enumerate(self._layers):
            if index:
                values = gelu(values)
            values = values @ weight.T + bias
        return log_softmax(values + self._shift[[KINDS.index(kind) for kind in kinds]])


def gelu(x: Floats) -> Floats:
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016), by the erf formula
    7.1.26 of Abramowitz and Stegun (error below 1.5e-7).
    """
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    erf = np.sign(x) * (1 - series * np.exp(-z * z))
    return np.asarray(0.5 * x * (1 + erf), np.float32)


def log_softmax(logits: NDArray[np.floating]) -> Doubles:
    """Row-wise logarithm of the softmax, float64."""
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    result: Doubles = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


class ColourReader:
    """The colour model of one process, for one palette."""

    def __init__(
        self,
        files: ModelFiles,
        statistics_file: Path,
        settings: Settings,
        image_tower: InferenceSession | None = None,
    ) -> None:
        """Take the session of the image tower, or open it; the text tower is opened only if the
        palette holds a word without a stored embedding.

        Raises :class:`core.errors.ModelError` when a file is damaged.
        """
        self._sources = files, statistics_file
        config = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
        self.name = f"{files.name}@{files.digest}"
        self.palette = settings.palette
        self.batch = settings.clip_batch_size
        self.side = int(config["image_size"])
        mean, std = np.array([config["mean"], config["std"]], np.float32)[..., None, None] * 255
        self._gain, self._offset = 1 / std, -mean / std
        self._scale = float(config["logit_scale"])
        self.calibration = Calibration.from_config(config)
        self._statistics = StatisticsReader(statistics_file)
        embeddings = palette_embeddings(
            files, (*self.palette, *self._statistics.names), config, settings.omp_num_threads
        )
        self._prompts = embeddings[: len(self.palette)]
        self._kinship = kinship(
            self.palette, self._prompts, self._statistics.names, embeddings[len(self.palette) :]
        )
        self._session = image_tower or open_session(
            files.folder / "image.onnx", settings.omp_num_threads
        )
        self._input = self._session.get_inputs()[0].name

    def with_palette(self, settings: Settings) -> ColourReader:
        """A reader for the palette of ``settings`` over the same image tower.

        Raises :class:`core.errors.ModelError` as making one does.
        """
        return ColourReader(*self._sources, settings, self._session)

    def warm_up(self) -> None:
        """Run the one batch shape once."""
        self._embed([np.full((self.side, self.side, 3), 127, np.uint8)])

    def read(
        self,
        pixels: NDArray[np.uint8],
        holds: Sequence[BoxMask],
        kinds: Sequence[Kind],
        light: Light,
    ) -> Generator[float, None, list[Colour]]:
        """Name the colour of each hold or volume on uint8 (H, W, 3) RGB ``pixels``.

        Yields the share done (0..1) after each batch; returns one colour per hold, in order.
        """
        if not holds:
            return []
        read = []
        for start in range(0, len(holds), self.batch):
            for hold in holds[start : start + self.batch]:
                ground = ground_around(pixels, hold)
                read.append(statistics(hold.cut(pixels), mask_core(hold.mask), light, ground))
            yield STATISTICS_SHARE * len(read) / len(holds)
        known = self._by_statistics(np.stack([features for features, _ in read]), kinds)
        both = (self.calibration.clip + self.calibration.statistics) * known
        doubtful = np.flatnonzero(known.max(1) < np.log(SETTLED)).tolist()
        for start in range(0, len(doubtful), self.batch):
            part = doubtful[start : start + self.batch]
            crops = [masked_crop(pixels, holds[index], self.side) for index in part]
            by_clip = log_softmax(self._scale * self._embed(crops) @ self._prompts.T)
            both[part] = self.calibration.clip * by_clip + self.calibration.statistics * known[part]
            done = min(start + self.batch, len(doubtful)) / len(doubtful)
            yield STATISTICS_SHARE + (1 - STATISTICS_SHARE) * done
        if not doubtful:
            yield 1.0
        probabilities = np.exp(log_softmax(both))
        return [
            name_colour(row, self.palette, rgb, self.calibration.sure)
            for row, (_, rgb) in zip(probabilities, read, strict=True)
        ]

    def _by_statistics(self, features: Floats, kinds: Sequence[Kind]) -> Doubles:
        """Log-probabilities (N, palette): those of the known names, shared out by kinship."""
        known = np.exp(self._statistics.read(features, kinds))
        return log_softmax(np.log(known @ self._kinship + 1e-6))

    def _embed(self, crops: list[NDArray[np.uint8]]) -> Floats:
        """Unit embeddings (N, D). The tensor always holds a full batch, since a new shape grows the
        runtime.
        """
        tensor = np.zeros((self.batch, 3, self.side, self.side), np.float32)
        # In place, crop by crop: copies of whole batches took 0.1 s for 80 crops of ViT-B-32.
        for row, crop in zip(tensor, crops, strict=False):
            np.multiply(crop.transpose(2, 0, 1), self._gain, out=row)
            row += self._offset
        embeddings: Floats = self._session.run(None, {self._input: tensor})[0]
        return embeddings[: len(crops)]


def name_colour(
    probabilities: Doubles, palette: Sequence[str], rgb: tuple[int, int, int], sure: float
) -> Colour:
    """The record of one hold from its probabilities (palette,)."""
    order = np.argsort(-probabilities, kind="stable")
    best = int(order[0])
    others = [int(i) for i in order[1 : ALTERNATIVES + 1] if probabilities[i] >= ALTERNATIVE_SHARE]
    confidence = min(float(probabilities[best]), 1.0)
    return Colour(
        name=palette[best],
        confidence=confidence,
        sure=confidence >= sure,
        alternatives=tuple((palette[i], float(probabilities[i])) for i in others),
        rgb=rgb,
    )


def kinship(
    palette: Sequence[str], prompts: Floats, known: Sequence[str], known_prompts: Floats
) -> Floats:
    """How the probability of each known name is shared out over the palette, float32 (known,
    palette).

    A palette word that is a known name takes that name's whole share. Any other word takes part of
    its nearest known names' shares, by the similarity of their texts.
    """
    shares = np.zeros((len(known), len(palette)), np.float32)
    for column, word in enumerate(palette):
        if word in known:
            shares[known.index(word), column] = 1
        else:
            closeness = known_prompts @ prompts[column]
            weights = np.exp(KINSHIP * (closeness - closeness.max()))
            shares[:, column] = weights / weights.sum()
    return shares


def palette_embeddings(
    files: ModelFiles, words: Iterable[str], config: dict[str, object], threads: int
) -> Floats:
    """One unit embedding per word, float32 (N, D): the stored one, else from the text tower, which
    is then closed.
    """
    with np.load(files.folder / "prompts.npz", allow_pickle=False) as file:
        stored = dict(zip((str(n) for n in file["names"]), file["embeddings"], strict=True))
    words = list(words)
    missing = [word for word in dict.fromkeys(words) if word not in stored]
    if missing:
        stored |= encode_words(files, missing, int(str(config["context_length"])), threads)
    return np.stack([stored[word] for word in words]).astype(np.float32)


def encode_words(
    files: ModelFiles, words: Sequence[str], context_length: int, threads: int
) -> dict[str, Floats]:
    """Pooled prompt embeddings (D,) of palette words, from the text tower."""
    from core.tokens import TOKENIZER_FILE, Tokenizer

    tokenizer = Tokenizer(files.folder / TOKENIZER_FILE, context_length)
    session = open_text_tower(files, threads)
    name = session.get_inputs()[0].name
    return {
        word: pool_prompts(session.run(None, {name: tokenizer.encode(prompts_for(word))})[0])
        for word in words
    }
