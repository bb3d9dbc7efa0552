"""Both models opened beside the caller's own work.

Opening a model is native work that leaves the interpreter free for most of its time. So a process
that still has modules to import or a photo to read starts the opening first and asks for the
sessions when it needs them. Converting a replaced model stays with the caller: it shows progress
and can be stopped.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING

from core.conversion import Progress
from core.sessions import open_session
from core.settings import Settings
from core.weights import resolve_or_embedded, resolve_statistics

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class Opening:
    """The models that the settings ask for, being opened.

    ``detector`` and ``colour`` are their verified files, ``statistics`` the file of the network
    that reads colour statistics, ``warnings`` the sentences that choosing them gave.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        """Choose the models, convert them where they have to be, and begin to open them.

        Raises :class:`core.errors.ModelError` only when an embedded model is missing or damaged.
        """
        beside = ThreadPoolExecutor(2, thread_name_prefix="open-models")
        try:
            # The runtime is imported while checksums are compared.
            beside.submit(import_module, "onnxruntime")
            self.detector, self.colour, warnings = resolve_or_embedded(settings, progress)
            self.statistics = resolve_statistics()
            self.warnings = tuple(warnings)
            threads, side = settings.omp_num_threads, self.detector.side
            self._detector_session = beside.submit(
                open_session, self.detector.folder / "detector.onnx", threads, side
            )
            self._image_tower = beside.submit(
                open_session, self.colour.folder / "image.onnx", threads
            )
        finally:
            beside.shutdown(wait=False)  # what was begun goes on to its end

    def detector_session(self) -> InferenceSession:
        """The detector's session, once it is open.

        Raises :class:`core.errors.ModelError` (``weights_damaged``) when it cannot be opened.
        """
        return self._detector_session.result()

    def image_tower(self) -> InferenceSession:
        """The session of the colour model's image tower; waits and raises as the other does."""
        return self._image_tower.result()
