"""The loaded models of a service: loading with warm-up, binding to a request's settings, unloading.

One thread at a time uses a :class:`ModelKeeper` (:mod:`core.service_worker` sees to that). When to
load and when to unload is decided there.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from core import analysis
from core.analysis import Models
from core.colour import ColourReader
from core.memory.giving_back import return_freed_memory
from core.memory.ledger import operation
from core.memory.readings import rss_mb
from core.settings import Settings
from core.wall import ModelInfo

logger = logging.getLogger(__name__)

Loader = Callable[[Settings], Models]

PALETTES = 4
"""Colour readers kept for palettes of requests' own."""


class ModelKeeper:
    """Models that can be loaded, unloaded and loaded again."""

    def __init__(self, settings: Settings, load: Loader | None = None) -> None:
        self._settings = settings
        # Looked up when it is called, so that a test can replace the function in its module.
        self._load = load or (lambda settings: analysis.load_models(settings))
        self._palettes: OrderedDict[tuple[str, ...], ColourReader] = OrderedDict()
        self.models: Models | None = None
        self.names: ModelInfo | None = None
        """Names of the models that were loaded last; they stay when these are unloaded."""
        self.grown_mb = 0.0
        """By how much loading raised the resident set size; 0 where nothing is loaded."""

    def load(self) -> Models:
        """Load the models and run each once on its real shape.

        Raises :class:`core.errors.ModelError`, and whatever loading raises.
        """
        if self.models is not None:
            return self.models
        begun, before_mb = time.perf_counter(), rss_mb()
        with operation("load the models"):
            models = self._load(self._settings)
            loaded, loaded_mb = time.perf_counter(), rss_mb()
            models.warm_up()
        warm_mb = rss_mb()
        self.models = models
        self.names = ModelInfo(models.detector.name, models.colours.name)
        self.grown_mb = max(0.0, warm_mb - before_mb)
        logger.info(
            "models=loaded detector=%s colour=%s rss_before_mb=%.0f rss_loaded_mb=%.0f "
            "rss_warm_mb=%.0f load_ms=%.0f warm_up_ms=%.0f",
            *(self.names.detector, self.names.colour, before_mb, loaded_mb, warm_mb),
            *((loaded - begun) * 1000, (time.perf_counter() - loaded) * 1000),
        )
        for sentence in models.warnings:
            logger.warning("models=embedded reason=%r", sentence)
        return models

    def bound(self, settings: Settings) -> Models:
        """The loaded models under the settings of one request; no session is opened for it.

        A palette with a word that has no stored embedding opens the text tower for a moment; the
        last few palettes are kept. Raises :class:`core.errors.ModelError` where that is damaged.
        """
        models = self.load()
        if settings.yolo_conf != self._settings.yolo_conf:
            models = replace(models, detector=models.detector.with_confidence(settings.yolo_conf))
        if settings.palette != self._settings.palette:
            models = replace(models, colours=self._reader(models.colours, settings))
        return models

    def unload(self) -> float:
        """Let the models go and hand their memory back to the system; MiB by which the resident
        set size fell.
        """
        before_mb = rss_mb()
        self.models = None
        self._palettes.clear()
        self.grown_mb = 0.0
        return_freed_memory()
        return max(0.0, before_mb - rss_mb())

    def _reader(self, colours: ColourReader, settings: Settings) -> ColourReader:
        reader = self._palettes.pop(settings.palette, None) or colours.with_palette(settings)
        self._palettes[settings.palette] = reader
        if len(self._palettes) > PALETTES:
            self._palettes.popitem(last=False)
        return reader
