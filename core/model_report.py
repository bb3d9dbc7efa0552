"""What is loaded, from where, how large, and how fast: the facts that the models page shows.

:func:`report` reads the files that the settings lead to, not the sessions, so it is as true before
loading as after unloading. :func:`measure` sends a photo through the service. Nothing is
loaded or changed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.analysis import analyze, finish
from core.model_folder import CHECKSUMS
from core.service import ModelService
from core.settings import Settings
from core.wall import Timings
from core.weights import EMBEDDED, ModelFiles, resolve_or_embedded, resolve_statistics


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of a model: its size in bytes and the SHA-256 that it was verified against."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model. ``role`` is detector, colour or statistics; ``replaced`` is the setting that chose
    it in place of the embedded one, empty for that; ``shape`` is the input as it runs here."""

    role: str
    name: str
    digest: str
    folder: Path
    replaced: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    files: tuple[FileReport, ...]

    @property
    def size_mb(self) -> float:
        """All files together, in MiB."""
        return sum(file.size for file in self.files) / (1 << 20)


def report(settings: Settings) -> tuple[ModelReport, ...]:
    """The detector, the colour model and the statistics network that ``settings`` lead to.

    Raises :class:`core.errors.ModelError` when an embedded model is missing or damaged.
    """
    detector, colour, _warnings = resolve_or_embedded(settings)
    statistics = resolve_statistics()
    card = json.loads((detector.folder / "model.json").read_text(encoding="utf-8"))
    config = json.loads((colour.folder / "config.json").read_text(encoding="utf-8"))
    side = int(config["image_size"])
    return (
        _report(
            "detector",
            detector,
            "YOLO_WEIGHTS" if detector.folder.parent != EMBEDDED else "",
            (1, 3, detector.side, detector.side),
            tuple(card["names"]),
        ),
        _report(
            "colour",
            colour,
            "CLIP_MODEL" if colour.folder.parent != EMBEDDED else "",
            (settings.clip_batch_size, 3, side, side),
            settings.palette,
        ),
        _statistics(statistics),
    )


def measure(service: ModelService, photo: bytes) -> Timings:
    """Analyse the encoded ``photo`` anew with the service's models, past its cache and its counts,
    after the analysis that runs there.

    Raises what :meth:`core.service.ModelService.use_models` and :func:`core.analysis.analyze`
    raise.
    """
    settings = service.settings
    return service.use_models(
        lambda models: finish(analyze(photo, models, settings, name="measure"))
    ).timings_ms


def _report(
    role: str, model: ModelFiles, setting: str, shape: tuple[int, ...], classes: tuple[str, ...]
) -> ModelReport:
    return ModelReport(
        role, model.name, model.digest, model.folder, setting, shape, classes, _files(model.folder)
    )


def _statistics(path: Path) -> ModelReport:
    with np.load(path, allow_pickle=False) as file:
        names = tuple(str(name) for name in file["names"])
        width = int(file["w0"].shape[1])
    files = _files(path.parent)
    digest = next(file.sha256[:12] for file in files if file.name == path.name)
    return ModelReport(
        "statistics", "statistics", digest, path.parent, "", (1, width), names, files
    )


def _files(folder: Path) -> tuple[FileReport, ...]:
    """The verified files of a model folder."""
    sums = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
    return tuple(
        FileReport(name, (folder / name).stat().st_size, str(sums[name])) for name in sorted(sums)
    )
