"""What the endpoints answer, described for the OpenAPI document and for readers of it.

The analysis document itself is made in :mod:`core.wall`; the classes here say what it looks like,
and a test holds them against real documents.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Field(ge=0, le=1)


class Described(BaseModel):
    """A part of an answer; it has exactly the fields that are listed."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Described):
    """What went wrong: a stable word for programs, a sentence, and what to do next."""

    code: str
    message: str
    hint: str


class ErrorAnswer(Described):
    """The one shape of every error."""

    ok: Literal[False]
    error: ErrorDetail


class PhotoPart(Described):
    """Which photo was analysed; sides in pixels, upright."""

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class ModelsPart(Described):
    """``name@hash`` of the models that answered."""

    detector: str
    colour: str


class ColourPart(Described):
    """A hold's colour; where ``sure`` is false, the setter decides."""

    name: str
    confidence: float = Share
    sure: bool
    alternatives: list[tuple[str, float]]
    rgb: tuple[int, int, int]


class HoldPart(Described):
    """A hold or volume; ``box`` is x, y, width, height, and all lengths are pixels of the photo."""

    id: int = Field(ge=1)
    kind: Literal["hold", "volume"]
    score: float = Share
    box: tuple[float, float, float, float]
    polygon: list[tuple[float, float]] = Field(min_length=3)
    area_px: float = Field(gt=0)
    colour: ColourPart
    problem: int | None


class ProblemPart(Described):
    """Holds that form one route."""

    id: int = Field(ge=1)
    colour: str
    holds: list[int]


class TimingsPart(Described):
    """Milliseconds of each stage of the analysis (of the first one, for a remembered answer)."""

    decode: float
    detect: float
    masks: float
    colour: float
    problems: float
    total: float


class MemoryPart(Described):
    """Resident memory of the server in MiB around that analysis."""

    before: float
    peak: float
    after: float


class OverlayPart(Described):
    """The photo with its holds outlined, at the size the detector saw it."""

    media_type: Literal["image/jpeg"]
    base64: str


class AnalysisAnswer(Described):
    """The analysis document; ``overlay`` is there where it was asked for."""

    schema_: Literal["climbmate.wall/1"] = Field(alias="schema")
    photo: PhotoPart
    models: ModelsPart
    holds: list[HoldPart]
    problems: list[ProblemPart]
    timings_ms: TimingsPart
    memory_mb: MemoryPart
    warnings: list[str]
    overlay: OverlayPart | None = Field(default=None, exclude_if=lambda value: value is None)


class HealthAnswer(Described):
    """The process is alive."""

    ok: Literal[True]
    version: str
    uptime_s: float


class ReadyAnswer(Described):
    """Requests are answered without delay."""

    ok: Literal[True]
    state: str


class PredictMetadata(Described):
    """About one prediction; ``image_size`` is width and height in pixels."""

    processing_time_ms: float
    image_size: tuple[int, int]
    filename: str
    model_version: str
    cache_enabled: bool
    from_cache: bool


class PredictAnswer(Described):
    """The holds of a photo, as in the analysis document."""

    success: Literal[True]
    predictions: list[HoldPart]
    metadata: PredictMetadata


class StatisticsPart(Described):
    """What the service has done since it began."""

    total_predictions: int
    cache_enabled: bool
    cache_size: int
    cache_hits: int
    cache_misses: int
    cache_hit_rate_percent: float
    avg_inference_time_ms: float
    total_inference_time_ms: float
    warmup_completed: bool


class CacheInfoPart(Described):
    """The cache of results; ``maxsize`` and ``currsize`` are numbers of results."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class StatsAnswer(Described):
    """Statistics of the service and its cache."""

    success: Literal[True]
    statistics: StatisticsPart
    cache_info: CacheInfoPart


class CacheAnswer(Described):
    """The cache of results."""

    success: Literal[True]
    cache_enabled: bool
    cache_info: CacheInfoPart


class ClearedAnswer(Described):
    """The cache of results was emptied; ``cleared`` results were in it."""

    success: Literal[True]
    cleared: int


HOLD_EXAMPLE: dict[str, Any] = {
    "id": 1,
    "kind": "hold",
    "score": 0.912,
    "box": [412.0, 88.5, 64.2, 51.0],
    "polygon": [[412.0, 110.3], [440.1, 88.5], [476.2, 104.0], [455.7, 139.5]],
    "area_px": 2210.5,
    "colour": {
        "name": "blue",
        "confidence": 0.941,
        "sure": True,
        "alternatives": [["purple", 0.04]],
        "rgb": [38, 82, 171],
    },
    "problem": 1,
}

ANALYSIS_EXAMPLE: dict[str, Any] = {
    "schema": "climbmate.wall/1",
    "photo": {"name": "wall.jpg", "sha256": "5f" * 32, "width": 3024, "height": 4032},
    "models": {"detector": "holds-yolo11n-seg@0c1d2e3f4a5b", "colour": "clip@6a7b8c9d0e1f"},
    "holds": [HOLD_EXAMPLE],
    "problems": [{"id": 1, "colour": "blue", "holds": [1]}],
    "timings_ms": {
        "decode": 41.2,
        "detect": 480.6,
        "masks": 12.9,
        "colour": 210.4,
        "problems": 3.1,
        "total": 748.2,
    },
    "memory_mb": {"before": 168.4, "peak": 241.0, "after": 172.3},
    "warnings": [],
}

PREDICT_EXAMPLE: dict[str, Any] = {
    "success": True,
    "predictions": [HOLD_EXAMPLE],
    "metadata": {
        "processing_time_ms": 750.3,
        "image_size": [3024, 4032],
        "filename": "wall.jpg",
        "model_version": "holds-yolo11n-seg@0c1d2e3f4a5b+clip@6a7b8c9d0e1f",
        "cache_enabled": True,
        "from_cache": False,
    },
}

CACHE_INFO_EXAMPLE = {"hits": 4, "misses": 8, "maxsize": 128, "currsize": 8}

STATS_EXAMPLE: dict[str, Any] = {
    "success": True,
    "statistics": {
        "total_predictions": 12,
        "cache_enabled": True,
        "cache_size": 8,
        "cache_hits": 4,
        "cache_misses": 8,
        "cache_hit_rate_percent": 33.3,
        "avg_inference_time_ms": 751.0,
        "total_inference_time_ms": 6008.2,
        "warmup_completed": True,
    },
    "cache_info": CACHE_INFO_EXAMPLE,
}

CACHE_EXAMPLE = {"success": True, "cache_enabled": True, "cache_info": CACHE_INFO_EXAMPLE}
CLEARED_EXAMPLE = {"success": True, "cleared": 8}
HEALTH_EXAMPLE = {"ok": True, "version": "0.1.0", "uptime_s": 86.4}
READY_EXAMPLE = {"ok": True, "state": "ready"}

STREAM_EXAMPLE = """event: step
data: {"stage": "decode", "share": 0.0}

event: step
data: {"stage": "detect", "share": 0.4}

event: analysis
data: {"schema": "climbmate.wall/1", "photo": {"name": "wall.jpg", ...}, ...}
"""


def answer(model: type[BaseModel], example: object, description: str = "") -> dict[str, Any]:
    """How the OpenAPI document tells of a successful answer."""
    documentation = (model.__doc__ or "").strip().splitlines()
    return {
        "model": model,
        "description": description or documentation[0],
        "content": {"application/json": {"example": example}},
    }


ERROR_EXAMPLES: dict[int, tuple[str, str, str, str]] = {
    400: (
        "The body cannot be read.",
        "bad_request",
        "The request cannot be read: Missing boundary in multipart.",
        "Send the photo as the form field `file`.",
    ),
    401: (
        "No key, or one the server does not know.",
        "key_needed",
        "This server answers only with a key, and none that it knows was sent.",
        "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    ),
    403: (
        "Without keys, allowed from the server's own machine only.",
        "only_from_this_machine",
        "Without keys, this is allowed from the server's own machine only.",
        "Whoever runs the server can set API_KEYS and give you a key.",
    ),
    408: (
        "The body took too long to arrive.",
        "too_slow",
        "The request took too long to arrive.",
        "Send it again over a faster line.",
    ),
    413: (
        "Too many bytes or pixels.",
        "photo_too_large_pixels",
        "The photo wall.png has 60000 x 60000 = 3600.0 million pixels; the limit is 50.0 million.",
        "Send a smaller version of it, or raise MAX_PHOTO_PIXELS.",
    ),
    422: (
        "A value does not fit, or the file is not a photo that can be read.",
        "photo_not_an_image",
        "The file wall.jpg is not a picture.",
        "Send the photo as JPEG, PNG, WebP or HEIC.",
    ),
    429: (
        "Too many requests from this caller; `Retry-After` says how many seconds to wait.",
        "too_many_requests",
        "More than 60 requests came from this caller in too short a time.",
        "Wait 12 s and go on more slowly, or ask for a higher RATE_LIMIT.",
    ),
    500: (
        "Something unforeseen; the hint has a reference that is in the server's log.",
        "internal_error",
        "Something went wrong inside the server.",
        "Tell whoever runs it this reference, which is in its log: 9f2c61a07b3d.",
    ),
    503: (
        "Busy, not ready or short of memory; `Retry-After` says how many seconds to wait.",
        "queue_full",
        "Too many photos are waiting already.",
        "Send it again in a few seconds.",
    ),
}
"""Description, code, message and hint for each status an error can have."""

RETRY_HEADER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI document tells of errors with these statuses."""
    told: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        description, code, message, hint = ERROR_EXAMPLES[status]
        example = {"ok": False, "error": {"code": code, "message": message, "hint": hint}}
        told[status] = {
            "model": ErrorAnswer,
            "description": description,
            "content": {"application/json": {"example": example}},
        }
        if status in (429, 503):
            told[status]["headers"] = RETRY_HEADER
    return told


GUARDED = (401, 403, 429, 500)
"""Statuses that any call behind the gate may get."""

WITH_PHOTO = (400, 401, 403, 408, 413, 422, 429, 500, 503)
"""Statuses that a call with a photo may get."""
