"""Every environment variable of the product, in one table.

Each row is a name, a default, its bounds and a sentence of help; the table in the README is
generated from here (``python -m core settings --markdown``), and a test fails when the two differ.
Reading the environment happens once, in :func:`load_settings`; nothing else in the product looks
at ``os.environ`` for its configuration.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import SettingsError

DEFAULT_PALETTE = (
    "red",
    "orange",
    "yellow",
    "green",
    "mint",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "grey",
    "white",
    "wood",
)

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
MAX_THREADS = 64


def available_cores() -> int:
    """Cores this process may run on (its affinity mask, not the machine's total)."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS and Windows have no affinity call
        return os.cpu_count() or 1


def default_threads() -> int:
    """Inference threads when OMP_NUM_THREADS is unset.

    The smallest of its kin (:data:`THREAD_VARIABLES`) where one is a number, else the cores this
    process may use, at most 4.
    """
    values = (os.environ.get(name, "").strip() for name in THREAD_VARIABLES)
    asked = [int(value) for value in values if value.isdecimal()]
    return min(MAX_THREADS, max(1, min(asked))) if asked else min(4, available_cores())


def default_cache_dir() -> Path:
    """``$XDG_CACHE_HOME/climbmate``, else ``~/.cache/climbmate``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "climbmate"


class Settings(BaseSettings):
    """The validated configuration of one process. Field ``x_y`` is the variable ``X_Y``.

    The exception is a field with an alias, whose variable is the alias (:func:`variable_name`).
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    yolo_weights: str = Field(
        "",
        description="Detector to use instead of the embedded one: an ultralytics segmentation "
        "`.pt`, or an `.onnx` exported from one. Converted once, then cached.",
    )
    yolo_img_size: int = Field(
        640,
        ge=320,
        le=1280,
        multiple_of=32,
        description="Side of the square tiles the detector reads, in pixels.",
    )
    yolo_conf: float = Field(
        0.35,
        ge=0.01,
        le=0.99,
        allow_inf_nan=False,
        description="Detections below this confidence are dropped.",
    )
    max_image_size: int = Field(
        2048,
        ge=320,
        le=8192,
        description="Longest side of the photo as the detector sees it, in pixels. Larger photos "
        "are reduced to it; results are always in pixels of the full photo.",
    )
    max_holds: int = Field(
        0,
        ge=0,
        description="Keep only this many holds, the largest by area. 0 keeps all of them.",
    )
    max_photo_mb: float = Field(
        20.0,
        gt=0,
        le=200,
        allow_inf_nan=False,
        description="Largest upload in MiB, checked before decoding.",
    )
    max_photo_pixels: int = Field(
        50_000_000,
        ge=1_000,
        le=200_000_000,
        description="Largest photo in pixels (width x height), checked before decoding.",
    )
    clip_model: str = Field(
        "",
        description="Colour model to use instead of the embedded one: an open_clip name such as "
        "`ViT-B-32` or `ViT-B-16`. Needs CLIP_PRETRAINED.",
    )
    clip_pretrained: str = Field(
        "",
        description="Weights of CLIP_MODEL: an open_clip tag such as `openai` (downloaded once), "
        "or a local checkpoint file.",
    )
    clip_batch_size: int = Field(
        8, ge=1, le=64, description="Hold crops that go through the colour model at once."
    )
    palette: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT_PALETTE,
        description="Colour names that may be given to a hold, comma-separated. A gym's own list "
        "narrows the choice.",
    )
    omp_num_threads: int = Field(
        default_factory=default_threads,
        ge=1,
        le=MAX_THREADS,
        description="Threads for inference and image work. Unset: the smallest of "
        "MKL_NUM_THREADS and NUMEXPR_NUM_THREADS, else the cores this process may use, at most 4.",
    )
    cache_dir: Path = Field(
        default_factory=default_cache_dir,
        description="Where converted models are kept. Unset: the `climbmate` folder in the "
        "user's cache.",
        alias="CLIMBMATE_CACHE_DIR",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "WARNING",
        description="How much is logged to stderr: DEBUG, INFO, WARNING or ERROR.",
    )

    @field_validator("palette", mode="before")
    @classmethod
    def _split_palette(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("palette")
    @classmethod
    def _check_palette(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(" ".join(name.lower().split()) for name in value))
        names = tuple(name for name in names if name)
        if len(names) < 2:
            raise ValueError("expected at least two colour names, separated by commas")
        if too_long := [name for name in names if len(name) > 40]:
            raise ValueError(f"expected names of at most 40 characters, got {too_long[0]!r}")
        return names

    @field_validator("omp_num_threads", mode="before")
    @classmethod
    def _outermost_level(cls, value: object) -> object:
        # OpenMP allows a list such as "4,2", one number per level of nesting; the first is ours.
        return value.split(",")[0] if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_level(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value


def variable_name(field: str) -> str:
    """The environment variable that sets ``field``."""
    return Settings.model_fields[field].alias or field.upper()


def load_settings(**overrides: object) -> Settings:
    """Read the environment once; ``overrides`` (by field name) win over it.

    Raises :class:`SettingsError` when a value cannot be used; its message names every such
    variable with its value and what was expected instead.
    """
    by_alias = {Settings.model_fields[name].alias or name: v for name, v in overrides.items()}
    try:
        return Settings(**by_alias)  # type: ignore[arg-type]
    except ValidationError as error:
        refused = {_refused_variable(row): row for row in error.errors()}
        raise SettingsError(
            "bad_setting",
            " ".join(_refusal(name, row) for name, row in refused.items()),
            f"Correct or unset {' and '.join(refused)}, and start again.",
        ) from error


def _refused_variable(row: ErrorDetails) -> str:
    """The variable a validation error is about; its place names an alias or a field."""
    place = str(row["loc"][0])
    return variable_name(place) if place in Settings.model_fields else place


def _refusal(name: str, row: ErrorDetails) -> str:
    given = row["input"]
    if isinstance(given, tuple):  # what a validator made of the text that was typed
        given = ",".join(map(str, given))
    shown = repr(given)
    if len(shown) > 80:
        shown = f"{shown[:76]}...'"
    return f"{name} has the value {shown}: {_expectation(row)}."


def _expectation(row: ErrorDetails) -> str:
    """What pydantic wanted, in words that need no knowledge of pydantic."""
    limits = row.get("ctx", {})
    match row["type"]:
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return "expected a whole number"
        case "float_parsing" | "float_type":
            return "expected a number"
        case "finite_number":
            return "expected a finite number"
        case "bool_parsing" | "bool_type":
            return "expected true or false"
        case "greater_than_equal":
            return f"expected at least {limits['ge']}"
        case "greater_than":
            return f"expected more than {limits['gt']}"
        case "less_than_equal":
            return f"expected at most {limits['le']}"
        case "multiple_of":
            return f"expected a multiple of {limits['multiple_of']}"
        case "literal_error":
            return f"expected {limits['expected']}"
        case "path_type":
            return "expected a path"
        case "value_error":
            return str(limits["error"])
        case _:
            return row["msg"].rstrip(".")


def markdown_table() -> str:
    """The settings as a Markdown table, as it stands in the README (no newline at the end)."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for field, info in Settings.model_fields.items():
        default = "automatic" if info.default_factory is not None else _shown(info.default)
        rows.append(f"| `{variable_name(field)}` | {default} | {info.description} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    """A default as one would type it into the environment."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default}`" if default != "" else "empty"
