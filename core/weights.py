"""Which model files serve, from where, and whether they are whole.

Embedded models lie in ``weights/`` beside the package. ``YOLO_WEIGHTS`` and ``CLIP_MODEL`` with
``CLIP_PRETRAINED`` replace them: their files are converted once, in a child process, and kept under
the cache folder by content hash. Every folder is verified by checksum before it is used; a damaged
one in the cache is made again once, a damaged embedded one is an error.

PyTorch is never imported here. Of the sessions only that of the text tower is opened here, because
its checksum is compared only then; who runs the others opens them (:mod:`core.sessions`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import prompts
from core.conversion import (
    COLOUR_CONVERTER,
    DETECTOR_CONVERTER,
    ROOT,
    Progress,
    convert_in_child,
    require_packages,
)
from core.errors import ModelError
from core.file_hashes import remembered_sha256
from core.model_folder import damage, digest
from core.onnx_intake import take_in
from core.sessions import open_session
from core.settings import DEFAULT_PALETTE, Settings

__all__ = [
    "ModelFiles",
    "open_text_tower",
    "resolve_colour",
    "resolve_detector",
    "resolve_or_embedded",
    "resolve_statistics",
    "verify",
]

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

EMBEDDED = ROOT / "weights"
TEXT_TOWER = "text.onnx"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """One verified model folder. ``digest`` is 12 hex digits over its checksums.

    ``side`` is the tile side in pixels that a detector is to be opened with; 0 for a colour model.
    """

    folder: Path
    name: str
    digest: str
    side: int = 0


def verify(folder: Path) -> None:
    """Return when the folder is sound (the text tower is checked when it is opened).

    Raises :class:`ModelError` with code ``weights_missing`` or ``weights_damaged``.
    """
    if problem := damage(folder, besides=TEXT_TOWER):
        code = "weights_damaged" if folder.is_dir() else "weights_missing"
        raise ModelError(
            code,
            f"The model in {folder} cannot be used: {problem}.",
            "Restore the folder from the repository.",
        )


def open_text_tower(files: ModelFiles, threads: int) -> InferenceSession:
    """Open ``text.onnx`` of a colour model: tokens int64 (N, context) to unit rows float32 (N, D).

    Only needed for a palette word without a stored embedding, so its checksum is compared here and
    not at every start. Raises :class:`ModelError` (``weights_damaged``).
    """
    if problem := damage(files.folder, only=TEXT_TOWER):
        raise ModelError(
            "weights_damaged",
            f"The text tower in {files.folder} cannot be used: {problem}.",
            "Delete that folder if it is in the cache, restore it if it came with the product.",
        )
    return open_session(files.folder / TEXT_TOWER, threads)


def resolve_detector(settings: Settings, progress: Progress | None = None) -> ModelFiles:
    """The detector that the settings ask for, converted when it has to be.

    Raises :class:`ModelError`; its sentence names YOLO_WEIGHTS where that is the cause.
    """
    if not settings.yolo_weights:
        verify(EMBEDDED / "detector")
        return _detector_files(EMBEDDED / "detector", settings)
    source = _existing_file(settings.yolo_weights, "YOLO_WEIGHTS")
    setting = f"YOLO_WEIGHTS={settings.yolo_weights}"
    content = _content(str(source), setting, settings)
    key = _key("detector", content, source.stem, DETECTOR_CONVERTER)
    folder = settings.cache_dir / "models" / key

    def build() -> None:
        if source.suffix.lower() == ".onnx":
            take_in(source, folder)
            return
        require_packages(("torch", "ultralytics", "onnx"), setting)
        arguments = ["detector", str(source), str(folder), "--name", source.stem]
        convert_in_child(arguments, setting, progress)

    _cached(folder, build, setting)
    return _detector_files(folder, settings)


def resolve_colour(settings: Settings, progress: Progress | None = None) -> ModelFiles:
    """The colour model that the settings ask for, converted when it has to be.

    Raises :class:`ModelError`; its sentence names CLIP_MODEL or CLIP_PRETRAINED where that is the
    cause.
    """
    model, pretrained = settings.clip_model, settings.clip_pretrained
    if not model and not pretrained:
        verify(EMBEDDED / "colour")
        return _colour_files(EMBEDDED / "colour")
    if not model:
        raise ModelError(
            "weights_missing",
            f"CLIP_PRETRAINED={pretrained} is set, but CLIP_MODEL is empty.",
            "Set CLIP_MODEL to the model's name, such as ViT-B-32.",
        )
    model, pretrained = _absolute(model), _absolute(pretrained)
    setting = f"CLIP_MODEL={model} with CLIP_PRETRAINED={pretrained or 'empty'}"
    said = json.dumps([prompts.PROMPT_TEMPLATES, prompts.CAPTION_WORDS, DEFAULT_PALETTE])
    content = [_content(value, setting, settings) for value in (model, pretrained)]
    key = _key("colour", *content, said, COLOUR_CONVERTER)
    folder = settings.cache_dir / "models" / key

    def build() -> None:
        require_packages(("torch", "open_clip", "onnx", "tokenizers"), setting)
        arguments = ["colour", "--model", model, "--pretrained", pretrained, str(folder)]
        convert_in_child(arguments, setting, progress)

    _cached(folder, build, setting)
    return _colour_files(folder)


def resolve_statistics() -> Path:
    """The embedded network that reads colour statistics; it goes along with every colour model.

    Raises :class:`ModelError` when it is missing or damaged.
    """
    verify(EMBEDDED / "statistics")
    return EMBEDDED / "statistics" / "statistics.npz"


def resolve_or_embedded(
    settings: Settings, progress: Progress | None = None
) -> tuple[ModelFiles, ModelFiles, list[str]]:
    """Detector, colour model, warnings: the embedded model serves where a replacement cannot.

    Each warning is a sentence that names the variable; telling it is left to who loads the models.
    Raises :class:`ModelError` only when an embedded model is itself missing or damaged.
    """
    warnings: list[str] = []
    embedded = replace(settings, yolo_weights="", clip_model="", clip_pretrained="")

    def attempt(
        resolve: Callable[[Settings, Progress | None], ModelFiles], replaced: bool, what: str
    ) -> ModelFiles:
        if not replaced:
            return resolve(embedded, progress)
        try:
            return resolve(settings, progress)
        except ModelError as error:
            warnings.append(f"{error} The embedded {what} keeps serving.")
            return resolve(embedded, progress)

    detector = attempt(resolve_detector, bool(settings.yolo_weights), "detector")
    replaced = bool(settings.clip_model or settings.clip_pretrained)
    colour = attempt(resolve_colour, replaced, "colour model")
    return detector, colour, warnings


def _detector_files(folder: Path, settings: Settings) -> ModelFiles:
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    side = settings.yolo_img_size if card.get("free_side") else int(card["imgsz"])
    return ModelFiles(folder, str(card["name"]), digest(folder), side)


def _colour_files(folder: Path) -> ModelFiles:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return ModelFiles(folder, str(config["name"]), digest(folder))


def _existing_file(value: str, variable: str) -> Path:
    path = _place(value)
    if not os.path.isfile(path):
        what = "is a folder, not a file" if os.path.isdir(path) else "does not exist"
        raise ModelError(
            "weights_missing",
            f"{variable}={value} {what}.",
            "Correct the path or unset the variable to use the embedded model.",
        )
    if path.suffix.lower() not in (".pt", ".onnx"):
        raise ModelError(
            "weights_wrong_kind",
            f"{variable}={value} is neither a .pt nor an .onnx file.",
            "Expected an ultralytics segmentation checkpoint (.pt) or its ONNX export.",
        )
    return path


def _place(value: str) -> Path:
    """Where ``value`` leads, absolute because the child works elsewhere.

    A link stays one: its name says what kind of file it is, where a store of files behind it calls
    that by its checksum. What cannot be, such as another user's ``~``, is left to be missed.
    """
    return Path(os.path.expanduser(value)).absolute()


def _absolute(value: str) -> str:
    """``value``, made absolute when it names something on disk."""
    return str(_place(value)) if value and os.path.exists(_place(value)) else value


def _content(value: str, setting: str, settings: Settings) -> str:
    """What stands for ``value`` in a cache key: the content of a file or folder, or the name.

    Raises :class:`ModelError` (``weights_unreadable``) that names ``setting``.
    """
    hashes, path = settings.cache_dir / "hashes", Path(value)
    try:
        if value and os.path.isfile(path):
            return remembered_sha256(path, hashes)
        if value and os.path.isdir(path):
            files = sorted(p for p in path.iterdir() if p.is_file())
            return "".join(p.name + remembered_sha256(p, hashes) for p in files)
    except OSError as error:
        raise ModelError(
            "weights_unreadable",
            f"{setting} cannot be read: {error.strerror}.",
            "Correct the path or the file's permissions, or unset the variable.",
        ) from error
    return value


def _key(kind: str, *parts: object) -> str:
    text = json.dumps([str(part) for part in parts])
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def _cached(folder: Path, build: Callable[[], None], setting: str) -> None:
    """Make ``folder`` with ``build`` unless a sound one is there; a damaged one is made again."""
    if folder.is_dir():
        problem = damage(folder, besides=TEXT_TOWER)
        if not problem:
            return
        log.warning("cache_damaged folder=%s problem=%r", folder, problem)
        shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        build()
    except OSError as error:
        raise ModelError(
            "weights_conversion_failed",
            f"{setting} was not converted: {folder.parent} cannot be written ({error.strerror}).",
            "Set CLIMBMATE_CACHE_DIR to a folder that can be written.",
        ) from error
    if problem := damage(folder):
        raise ModelError(
            "weights_damaged",
            f"{setting} was converted, but {problem} in {folder}.",
            "Check the disk, then start again.",
        )
