"""Every environment variable of the product, in one table.

Each row is a name, a default, its bounds and a sentence of help. Reading the environment happens
once, in :func:`load_settings`; nothing else in the product looks at ``os.environ`` for its
configuration. What is said of a value that cannot be used is in :mod:`core.refused_settings`; the
table is written out for people in :mod:`core.settings_table` and :mod:`core.environment_file`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from core.errors import ChoiceError, SettingsError
from core.refused_settings import refusal, refused_choice
from core.shown_text import can_be_shown

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


class Settings(BaseModel):
    """The validated configuration of one process. Field ``x_y`` is the variable ``X_Y``.

    The exception is a field with an alias, whose variable is the alias (:func:`variable_name`).
    Built directly it has the defaults; :func:`load_settings` reads the environment.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

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
    memory_reserve_mb: float = Field(
        32.0,
        ge=0,
        le=65536,
        allow_inf_nan=False,
        description="MiB that an analysis has to leave free. A photo that would take more runs "
        "smaller, or is refused before it is decoded.",
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
    palette: tuple[str, ...] = Field(
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
    queue_size: int = Field(
        3,
        ge=0,
        le=100,
        description="Photos that may wait while another is analysed. More are refused with the "
        "seconds to wait.",
    )
    request_timeout_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds a request may take, waiting included. Then it is given up.",
    )
    enable_model_cache: bool = Field(
        True,
        description="Keep the results of analysed photos, so that the same photo is answered at "
        "once.",
    )
    model_cache_size: int = Field(
        128, ge=1, le=100_000, description="Results kept at most; the oldest unused one goes first."
    )
    model_cache_mb: float = Field(
        16.0,
        gt=0,
        le=4096,
        allow_inf_nan=False,
        description="MiB that the kept results may take.",
    )
    redis_url: str = Field(
        "",
        description="Redis in which several servers share their results, such as "
        "`redis://localhost:6379/0`. While it is away, each server goes on by itself.",
    )
    redis_ttl_s: int = Field(
        86_400, ge=1, le=31_536_000, description="Seconds a result stays in Redis."
    )
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that callers of the REST face send, comma-separated: plain, of at least "
        "16 characters, or as `sha256:` with the hash in hex. Empty: no key is asked for, and only "
        "this machine may call.",
    )
    api_allow_anonymous: bool = Field(
        False,
        description="Answer other machines without a key too, when API_KEYS is empty.",
    )
    rate_limit: str = Field(
        "60/minute",
        description="Requests that one key, or one address without a key, may make: a number per "
        "`second`, `minute`, `hour` or `day`. `off`: as many as it likes.",
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="Web pages that may call the REST face from a browser, comma-separated, such "
        "as `https://gym.example`. Empty: none.",
    )
    forwarded_allow_ips: str = Field(
        "",
        description="Addresses of proxies whose X-Forwarded-For is believed, comma-separated. "
        "Empty: none.",
    )
    host: str = Field("127.0.0.1", description="Address that `python server.py` listens on.")
    port: int = Field(8501, ge=1, le=65535, description="Port that `python server.py` listens on.")
    debug_memory: bool = Field(
        False,
        description="Show the memory debugger: a live panel in the sidebar and a Memory page with "
        "composition, owners and growth. `./run_debug.sh` sets it. Everybody who can open the "
        "dashboard sees it.",
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
        if not all(map(can_be_shown, names)):
            raise ValueError("expected names without characters that cannot be shown")
        if too_long := [name for name in names if len(name) > 40]:
            raise ValueError(f"expected names of at most 40 characters, got {too_long[0]!r}")
        return names

    @field_validator("cache_dir")
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        # No shell has looked at what comes from a file of variables.
        try:
            return value.expanduser()
        except RuntimeError as error:
            raise ValueError("expected a folder; this ~ is nobody's home") from error

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("expected an address that begins with redis://, rediss:// or unix://")
        try:
            urlsplit(value).port  # noqa: B018 (a port that is no number raises here)
        except ValueError as error:
            raise ValueError("expected an address with a port from 0 to 65535") from error
        if value:  # only its own client knows what else an address may say
            from redis.connection import parse_url

            try:
                parse_url(value)  # type: ignore[no-untyped-call]
            except ValueError as error:
                raise ValueError("expected an address whose options Redis takes") from error
        return value

    @field_validator("omp_num_threads", mode="before")
    @classmethod
    def _outermost_level(cls, value: object) -> object:
        # OpenMP allows a list such as "4,2", one number per level of nesting; the first is ours.
        return value.split(",")[0] if isinstance(value, str) else value

    @field_validator("rate_limit")
    @classmethod
    def _check_rate(cls, value: str) -> str:
        rate = "".join(value.lower().split())
        if rate == "off":  # an empty variable means the default, so that needs a word
            return ""
        if rate and not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", rate):
            raise ValueError("expected a number per second, minute, hour or day, as 60/minute")
        return rate

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not re.fullmatch(r"https?://[^/\s*?#@]+", origin):
                raise ValueError("expected origins such as https://gym.example, without a path")
        return value

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
    try:
        return _validated({**_from_environment(), **overrides})
    except ValidationError as error:
        refused = {_refused_variable(row): row for row in error.errors()}
        raise SettingsError(
            "bad_setting",
            " ".join(refusal(name, row) for name, row in refused.items()),
            f"Correct or unset {' and '.join(refused)}, and start again.",
        ) from error


def changed_settings(settings: Settings, **changes: object) -> Settings:
    """``settings`` with ``changes`` (by field name), as validated as any; for one request.

    Raises :class:`ChoiceError` (``bad_choice``), whose message names each field.
    """
    fields = {name: getattr(settings, name) for name in Settings.model_fields}
    try:
        return _validated({**fields, **changes})
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
    for field in Settings.model_fields:
        name = variable_name(field)
        if value := os.environ.get(name) or os.environ.get(name.lower()):
            values[field] = value
    return values


def _validated(values: Mapping[str, object]) -> Settings:
    by_alias = {Settings.model_fields[name].alias or name: v for name, v in values.items()}
    return Settings(**by_alias)


def _refused_variable(row: ErrorDetails) -> str:
    """The variable a validation error is about; its place names an alias or a field."""
    place = str(row["loc"][0])
    return variable_name(place) if place in Settings.model_fields else place
