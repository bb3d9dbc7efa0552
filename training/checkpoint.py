"""Reading an ultralytics ``.pt`` without giving its author the keys to the machine.

An ultralytics checkpoint is a pickle of whole modules, and a pickle may call whatever it names. It
is therefore read with ``torch.load(weights_only=True)`` and a list of the only classes it may name:
those of ``torch.nn.modules`` and ``ultralytics.nn``. Even those are not handed out themselves,
because the restricted unpickler may *call* what is on its list, and calling is not harmless (a
model class builds itself from a configuration whose activation is evaluated as Python). The
unpickler gets stand-ins that can be made empty and filled with attributes, but not called; once
everything is read, each object takes on its real class. Training leftovers (losses, numpy scalars)
become inert objects.

This module reads; it neither judges what kind of model it has read nor exports it.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pickle
import pkgutil
import warnings
import zipfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import torch

from core.errors import ModelError
from training.torchvision_shim import ensure_torchvision

log = logging.getLogger(__name__)

NEED = "an ultralytics segmentation checkpoint (.pt), such as one trained from yolo11n-seg"
# Modules whose constructor or forward reaches outside the model (downloads, other packages).
NEVER = frozenset({"TorchVision"})
INERT_MODULES = ("ultralytics.utils.loss", "ultralytics.utils.tal", "ultralytics.utils")
INERT_NAMES = (
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtypes.Float64DType",
    "numpy.dtypes.Float32DType",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib.PurePosixPath",
    "pathlib._local.PosixPath",
    "types.SimpleNamespace",
)


class Inert:
    """Stands for an object that conversion has no use for; swallows its arguments and state."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _refuse_call(self: object, *_: object, **__: object) -> NoReturn:
    raise pickle.UnpicklingError(f"the file tries to call {type(self).__name__}")


@cache
def _stand_in(real: type) -> type:
    """A subclass of ``real`` that can be created empty but not called; ``_real`` leads back."""
    if real is Inert:
        return Inert
    return type(real.__name__, (real,), {"__init__": _refuse_call, "_real": real})


def _submodules(package: ModuleType) -> list[ModuleType]:
    found = [package]
    for info in pkgutil.iter_modules(package.__path__):
        found.append(importlib.import_module(f"{package.__name__}.{info.name}"))
    return found


@cache
def allowed_classes() -> dict[str, type]:
    """Every global a checkpoint may name (about 700), to its class or to :class:`Inert`."""
    ensure_torchvision()
    import torch.nn.modules
    import ultralytics.nn.modules
    import ultralytics.nn.tasks

    allowed: dict[str, type] = dict.fromkeys(INERT_NAMES, Inert)
    sources = [*_submodules(torch.nn.modules), *_submodules(ultralytics.nn.modules)]
    for module in [*sources, ultralytics.nn.tasks]:
        for name, real in inspect.getmembers(module, inspect.isclass):
            if issubclass(real, torch.nn.Module) and name not in NEVER:
                allowed[f"{module.__name__}.{name}"] = real
                allowed[f"{real.__module__}.{real.__qualname__}"] = real
    for name in INERT_MODULES:
        for _, real in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if real.__module__ == name:
                allowed[f"{name}.{real.__qualname__}"] = Inert
    return allowed


def _refusal(path: Path, reason: str) -> ModelError:
    return ModelError(
        "weights_wrong_kind",
        f"YOLO_WEIGHTS={path} cannot be used: {reason}.",
        f"Expected {NEED}.",
    )


def reason(error: Exception) -> str:
    """The one clause of a loading error that says why.

    torch wraps it in advice to load without restrictions, which nobody here should be given.
    """
    text = str(error).partition("WeightsUnpickler error:")[2] or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    clause = lines[0] if lines else type(error).__name__
    return clause.partition(" Please use ")[0].partition(" Re-running ")[0].rstrip(".")[:300]


def _restore_classes(model: torch.nn.Module) -> None:
    for module in model.modules():
        real = getattr(type(module), "_real", None)
        if real is not None:
            module.__class__ = real


def load_ultralytics(path: Path) -> torch.nn.Module:
    """The model in an ultralytics checkpoint, in float32 and evaluation mode, on the CPU.

    The averaged weights (``ema``) are preferred where both are present, as ultralytics does. Raises
    :class:`ModelError` with code ``weights_wrong_kind`` when the file is not such a checkpoint or
    names a class that is not allowed.
    """
    if not zipfile.is_zipfile(path):
        raise _refusal(path, "it is not a file that torch.save wrote")
    content = _unpickle(path)
    candidates = [content] if isinstance(content, torch.nn.Module) else []
    if isinstance(content, dict):
        candidates = [content.get("ema"), content.get("model")]
    for model in candidates:
        if isinstance(model, torch.nn.Module):
            _restore_classes(model)
            return _modernise(model.float().eval())
    kind = "a table of weights without a model" if isinstance(content, dict) else "no model"
    raise _refusal(path, f"it holds {kind}")


def _unpickle(path: Path) -> Any:
    allowed = allowed_classes()
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        refused = sorted(set(named) - set(allowed))
        if refused:
            log.warning("checkpoint_refused file=%s global=%s", path.name, refused[0])
            raise _refusal(path, f"it asks for {refused[0]}, which a model has no need of")
        with (
            torch.serialization.safe_globals([(_stand_in(allowed[name]), name) for name in named]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as error:  # a broken or hostile file may fail in any way; all of them mean no
        raise _refusal(path, f"it cannot be read ({reason(error)})") from error


def _modernise(model: torch.nn.Module) -> torch.nn.Module:
    """Give modules of older checkpoints the attributes that today's code reads."""
    for module in model.modules():
        if isinstance(module, torch.nn.Upsample) and not hasattr(module, "recompute_scale_factor"):
            module.recompute_scale_factor = None
    return model
