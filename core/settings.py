"""Every environment variable of the product, in one table.

Each row is a name, what its value may be (:mod:`core.setting_kinds`), a default and a sentence of
help. Reading the environment happens once, in :func:`load_settings`; nothing else in the product
looks at ``os.environ`` for its configuration. What is said of a value that cannot be used is in
:mod:`core.refused_settings`; the table is written out for people in :mod:`core.settings_table` and
:mod:`core.environment_file`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from core.errors import ChoiceError, SettingsError
from core.refused_settings import refusal, refused_choice
from core.setting_kinds import (
    SWITCH,
    TEXT,
    above_zero,
    colour_names,
    folder,
    number,
    one_of,
    origins,
    rate,
    redis_address,
    several,
    text,
    threads,
    whole,
)

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

NO_HOME = Path("/nonexistent")
"""Home of users that have none, as Debian writes it into its own list of users."""


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
    """``$XDG_CACHE_HOME/climbmate``, else ``~/.cache/climbmate``.

    A user without a home (a container that runs under a bare number) gets a folder that cannot be
    made: the embedded models need none, and who needs it is told of the place. Not the folder for
    temporary files, where anybody could lay models in wait.
    """
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "climbmate"
    try:
        return Path.home() / ".cache" / "climbmate"
    except RuntimeError:  # no HOME, and no such user
        return NO_HOME / ".cache" / "climbmate"


def setting(
    kind: CoreSchema,
    default: object,
    description: str,
    *,
    variable: str = "",
    secret: bool = False,
) -> Any:
    """A row of the table. Where ``default`` is a function, it is asked when the settings are made;
    a ``secret`` is not shown with the rest.
    """
    row = {"kind": kind, "description": description, "variable": variable}
    if callable(default):
        return field(default_factory=default, repr=not secret, metadata=row)
    return field(default=default, repr=not secret, metadata=row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration of one process. Field ``x_y`` is the variable ``X_Y``.

    The exception is a field with a variable of another name (:data:`ROWS`). Built directly it has
    the defaults, and what is given instead is not looked at; :func:`load_settings` reads the
    environment, and :func:`changed_settings` takes what somebody wishes.
    """

    yolo_weights: str = setting(
        TEXT,
        "",
        "Detector to use instead of the embedded one: an ultralytics segmentation `.pt`, or an "
        "`.onnx` exported from one. Converted once, then cached.",
    )
    yolo_img_size: int = setting(
        whole(320, 1280, multiple_of=32),
        640,
        "Side of the square tiles the detector reads, in pixels.",
    )
    yolo_conf: float = setting(
        number(0.01, 0.99),
        0.35,
        "Detections below this confidence are dropped.",
    )
    max_image_size: int = setting(
        whole(320, 8192),
        2048,
        "Longest side of the photo as the detector sees it, in pixels. Larger photos are reduced "
        "to it; results are always in pixels of the full photo.",
    )
    max_holds: int = setting(
        whole(0),
        0,
        "Keep only this many holds, the largest by area. 0 keeps all of them.",
    )
    max_photo_mb: float = setting(
        above_zero(200),
        20.0,
        "Largest upload in MiB, checked before decoding.",
    )
    max_photo_pixels: int = setting(
        whole(1_000, 200_000_000),
        50_000_000,
        "Largest photo in pixels (width x height), checked before decoding.",
    )
    memory_reserve_mb: float = setting(
        number(0, 65536),
        32.0,
        "MiB that an analysis has to leave free. A photo that would take more runs smaller, or is "
        "refused before it is decoded.",
    )
    clip_model: str = setting(
        TEXT,
        "",
        "Colour model to use instead of the embedded one: an open_clip name such as `ViT-B-32` or "
        "`ViT-B-16`. Needs CLIP_PRETRAINED.",
    )
    clip_pretrained: str = setting(
        TEXT,
        "",
        "Weights of CLIP_MODEL: an open_clip tag such as `openai` (downloaded once), or a local "
        "checkpoint file.",
    )
    clip_batch_size: int = setting(
        whole(1, 64),
        8,
        "Hold crops that go through the colour model at once.",
    )
    palette: tuple[str, ...] = setting(
        several(colour_names),
        DEFAULT_PALETTE,
        "Colour names that may be given to a hold, comma-separated. A gym's own list narrows the "
        "choice.",
    )
    omp_num_threads: int = setting(
        threads(MAX_THREADS),
        default_threads,
        "Threads for inference and image work. Unset: the smallest of MKL_NUM_THREADS and "
        "NUMEXPR_NUM_THREADS, else the cores this process may use, at most 4.",
    )
    cache_dir: Path = setting(  # noqa: RUF009 (a field)
        folder(),
        default_cache_dir,
        "Where converted models are kept. Unset: the `climbmate` folder in the user's cache.",
        variable="CLIMBMATE_CACHE_DIR",
    )
    queue_size: int = setting(
        whole(0, 100),
        3,
        "Photos that may wait while another is analysed. More are refused with the seconds to "
        "wait.",
    )
    request_timeout_s: float = setting(
        above_zero(3600),
        60.0,
        "Seconds a request may take, waiting included. Then it is given up.",
    )
    enable_model_cache: bool = setting(
        SWITCH,
        True,
        "Keep the results of analysed photos, so that the same photo is answered at once.",
    )
    model_cache_size: int = setting(
        whole(1, 100_000),
        128,
        "Results kept at most; the oldest unused one goes first.",
    )
    model_cache_mb: float = setting(above_zero(4096), 16.0, "MiB that the kept results may take.")
    redis_url: str = setting(
        text(redis_address),
        "",
        "Redis in which several servers share their results, such as `redis://localhost:6379/0`. "
        "While it is away, each server goes on by itself.",
    )
    redis_ttl_s: int = setting(whole(1, 31_536_000), 86_400, "Seconds a result stays in Redis.")
    api_keys: str = setting(
        TEXT,
        "",
        "Keys that callers of the REST face send, comma-separated: plain, of at least 16 "
        "characters, or as `sha256:` with the hash in hex. Empty: no key is asked for, and only "
        "this machine may call.",
        secret=True,
    )
    api_allow_anonymous: bool = setting(
        SWITCH,
        False,
        "Answer other machines without a key too, when API_KEYS is empty.",
    )
    rate_limit: str = setting(
        text(rate),
        "60/minute",
        "Requests that one key, or one address without a key, may make: a number per `second`, "
        "`minute`, `hour` or `day`. `off`: as many as it likes.",
    )
    cors_origins: tuple[str, ...] = setting(
        several(origins),
        (),
        "Web pages that may call the REST face from a browser, comma-separated, such as "
        "`https://gym.example`. Empty: none.",
    )
    forwarded_allow_ips: str = setting(
        TEXT,
        "",
        "Addresses of proxies whose X-Forwarded-For is believed, comma-separated. Empty: none.",
    )
    host: str = setting(TEXT, "127.0.0.1", "Address that `python server.py` listens on.")
    port: int = setting(whole(1, 65535), 8501, "Port that `python server.py` listens on.")
    debug_memory: bool = setting(
        SWITCH,
        False,
        "Show the memory debugger: a live panel in the sidebar and a Memory page with "
        "composition, owners and growth. `./run_debug.sh` sets it. Everybody who can open the "
        "dashboard sees it.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "WARNING",
        "How much is logged to stderr: DEBUG, INFO, WARNING or ERROR.",
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table as people read it. ``default`` is None where it is found out each time."""

    variable: str
    default: object
    description: str


ROWS: Mapping[str, Row] = {
    row.name: Row(
        row.metadata["variable"] or row.name.upper(),
        None if row.default is MISSING else row.default,
        row.metadata["description"],
    )
    for row in fields(Settings)
}
"""The table by field."""

_KINDS = SchemaValidator(
    core_schema.typed_dict_schema(
        {row.name: core_schema.typed_dict_field(row.metadata["kind"]) for row in fields(Settings)}
    )
)


def load_settings(**overrides: object) -> Settings:
    """Read the environment once; ``overrides`` (by field name) win over it.

    Raises :class:`SettingsError` when a value cannot be used; its message names every such
    variable with its value and what was expected instead.
    """
    try:
        return _changed(Settings(), {**_from_environment(), **overrides})
    except ValidationError as error:
        refused = {ROWS[str(row["loc"][0])].variable: row for row in error.errors()}
        raise SettingsError(
            "bad_setting",
            " ".join(refusal(name, row) for name, row in refused.items()),
            f"Correct or unset {' and '.join(refused)}, and start again.",
        ) from error


def changed_settings(settings: Settings, **changes: object) -> Settings:
    """``settings`` with ``changes`` (by field name), as validated as any; for one request.

    Raises :class:`ChoiceError` (``bad_choice``), whose message names each field.
    """
    try:
        return _changed(settings, changes)
    except ValidationError as error:
        refused = {str(row["loc"][0]): row for row in error.errors()}
        raise ChoiceError(
            "bad_choice",
            " ".join(refused_choice(name, row) for name, row in refused.items()),
            f"Correct {' and '.join(refused)}, or leave it out.",
        ) from error


def _from_environment() -> dict[str, str]:
    """The values of our variables by field. An empty one is unset; small letters will do."""
    values = {}
    for name, row in ROWS.items():
        if value := os.environ.get(row.variable) or os.environ.get(row.variable.lower()):
            values[name] = value
    return values


def _changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """``settings`` with ``changes``, all of it looked at."""
    values = {name: getattr(settings, name) for name in ROWS}
    return Settings(**_KINDS.validate_python({**values, **changes}))
