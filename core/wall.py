"""The records of an analysed wall: frozen, validated when made, and the document they become.

The document (``climbmate.wall/1``) is the product's stable interface;
:meth:`WallAnalysis.document` writes it and :meth:`WallAnalysis.from_document` reads it back.
Nothing here computes: these classes only hold what others found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, Literal, get_args

SCHEMA = "climbmate.wall/1"

Kind = Literal["hold", "volume"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Point = tuple[float, float]
Box = tuple[float, float, float, float]
RGB = tuple[int, int, int]


def _check(condition: bool, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"expected {expected}, got {got!r}")


def _all_finite(numbers: Iterable[float]) -> bool:
    return all(map(math.isfinite, numbers))


def _check_share(name: str, value: float) -> None:
    _check(math.isfinite(value) and 0.0 <= value <= 1.0, f"{name} from 0 to 1", value)


@dataclass(frozen=True, slots=True)
class Colour:
    """The colour of one hold: a palette name with its calibrated probability.

    ``sure`` is False when the setter should decide. ``alternatives`` are the next names with
    their probabilities, best first. ``rgb`` is the mean sRGB of the mask core, 0 to 255.
    """

    name: str
    confidence: float
    sure: bool
    alternatives: tuple[tuple[str, float], ...]
    rgb: RGB

    def __post_init__(self) -> None:
        _check(bool(self.name), "a colour name", self.name)
        _check_share("confidence", self.confidence)
        for name, share in self.alternatives:
            _check(name != self.name, "alternatives that differ from the name", name)
            _check_share("an alternative's probability", share)
        _check(
            len(self.rgb) == 3 and all(0 <= c <= 255 for c in self.rgb), "rgb of 0..255", self.rgb
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold or volume.

    ``box`` is x, y, width, height and ``polygon`` the outline (at least 3 points, not closed), both
    in pixels of the upright photo; ``area_px`` is the outline's area in square pixels. ``score`` is
    the detector's confidence, ``problem`` the id of the problem the hold belongs to, if any.
    """

    id: int
    kind: Kind
    score: float
    box: Box
    polygon: tuple[Point, ...]
    area_px: float
    colour: Colour
    problem: int | None = None

    def __post_init__(self) -> None:
        _check(self.id >= 1, "an id from 1", self.id)
        _check(self.kind in KINDS, "kind hold or volume", self.kind)
        _check_share("score", self.score)
        _check(
            len(self.box) == 4 and _all_finite(self.box) and min(self.box[2:]) > 0,
            "a box of finite numbers with positive width and height",
            self.box,
        )
        _check(len(self.polygon) >= 3, "a polygon of at least 3 points", self.polygon)
        # Through map and chain: a wall has ten thousand points, checked at every edit.
        _check(
            set(map(len, self.polygon)) == {2} and _all_finite(chain.from_iterable(self.polygon)),
            "a polygon of finite (x, y) points",
            self.polygon,
        )
        _check(math.isfinite(self.area_px) and self.area_px > 0, "a positive area", self.area_px)

    @property
    def centre(self) -> Point:
        """Middle of the box, in pixels of the upright photo."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


@dataclass(frozen=True, slots=True)
class Problem:
    """A set of holds that form one route.

    ``colour`` is the colour of its holds, of most of them where a setter mixed colours by hand.
    ``name`` and ``grade`` are a setter's words, empty where none were given.
    """

    id: int
    colour: str
    holds: tuple[int, ...]
    name: str = ""
    grade: str = ""

    def __post_init__(self) -> None:
        _check(self.id >= 1, "an id from 1", self.id)
        _check(bool(self.colour), "a colour name", self.colour)
        _check(len(self.holds) >= 1, "at least one hold", self.holds)
        _check(len(set(self.holds)) == len(self.holds), "each hold once", self.holds)
        words = (self.name, self.grade)
        _check(all(isinstance(word, str) for word in words), "a name and a grade in words", words)


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """Which photo was analysed.

    ``width`` and ``height`` are those of the upright photo in pixels.
    """

    name: str
    sha256: str
    width: int
    height: int

    def __post_init__(self) -> None:
        _check(
            self.width > 0 and self.height > 0, "positive photo sides", (self.width, self.height)
        )


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """``name@hash`` of the detector and the colour model that gave the answer."""

    detector: str
    colour: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock milliseconds of each stage."""

    decode: float = 0.0
    detect: float = 0.0
    masks: float = 0.0
    colour: float = 0.0
    problems: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Resident set size of the process in MiB: before, the highest while running, and after."""

    before: float = 0.0
    peak: float = 0.0
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class WallAnalysis:
    """Everything that was found on one photo.

    Hold ids and problem ids are unique, and a hold's ``problem`` and the problems' ``holds`` say
    the same. Raises ``ValueError`` where they do not.
    """

    photo: PhotoInfo
    models: ModelInfo
    holds: tuple[Hold, ...]
    problems: tuple[Problem, ...]
    timings_ms: Timings = field(default_factory=Timings)
    memory_mb: MemoryUse = field(default_factory=MemoryUse)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ids = [hold.id for hold in self.holds]
        _check(len(set(ids)) == len(ids), "holds with different ids", ids)
        problem_ids = [problem.id for problem in self.problems]
        _check(
            len(set(problem_ids)) == len(problem_ids), "problems with different ids", problem_ids
        )
        owner = {hold_id: problem.id for problem in self.problems for hold_id in problem.holds}
        claimed = sum(len(problem.holds) for problem in self.problems)
        _check(len(owner) == claimed, "each hold in at most one problem", claimed)
        _check(set(owner) <= set(ids), "problems of known holds", sorted(set(owner) - set(ids)))
        for hold in self.holds:
            _check(
                owner.get(hold.id) == hold.problem,
                f"hold {hold.id} to name its problem",
                hold.problem,
            )

    def document(self) -> dict[str, Any]:
        """The analysis document, ready for ``json.dumps``.

        Numbers are rounded to what they are worth: tenths of a pixel, thousandths of a share.
        """
        return {
            "schema": SCHEMA,
            "photo": asdict(self.photo),
            "models": asdict(self.models),
            "holds": [hold_document(hold) for hold in self.holds],
            "problems": [problem_document(problem) for problem in self.problems],
            "timings_ms": {k: round(v, 1) for k, v in asdict(self.timings_ms).items()},
            "memory_mb": {k: round(v, 1) for k, v in asdict(self.memory_mb).items()},
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> WallAnalysis:
        """Read a document back.

        Raises ``ValueError`` when it is of another schema, lacks a part, or contradicts itself.
        """
        _check(document.get("schema") == SCHEMA, f"schema {SCHEMA}", document.get("schema"))
        try:
            return cls(
                photo=PhotoInfo(**document["photo"]),
                models=ModelInfo(**document["models"]),
                holds=tuple(hold_from_document(hold) for hold in document["holds"]),
                problems=tuple(problem_from_document(p) for p in document["problems"]),
                timings_ms=Timings(**document["timings_ms"]),
                memory_mb=MemoryUse(**document["memory_mb"]),
                warnings=tuple(document["warnings"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a complete {SCHEMA} document: {error}") from error


def _positive(size: float) -> float:
    """Tenths of a pixel, but never 0: a document must read back."""
    return max(0.1, round(size, 1))


def problem_document(problem: Problem) -> dict[str, Any]:
    """A problem as it stands in the document; ``name`` and ``grade`` only where they are set."""
    document = {"id": problem.id, "colour": problem.colour, "holds": list(problem.holds)}
    words = {"name": problem.name, "grade": problem.grade}
    return document | {key: word for key, word in words.items() if word}


def problem_from_document(document: Mapping[str, Any]) -> Problem:
    """Read :func:`problem_document` back. Raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    return Problem(
        document["id"],
        document["colour"],
        tuple(document["holds"]),
        document.get("name", ""),
        document.get("grade", ""),
    )


def hold_document(hold: Hold) -> dict[str, Any]:
    """A hold as it stands in the document."""
    colour = hold.colour
    x, y, width, height = hold.box
    return {
        "id": hold.id,
        "kind": hold.kind,
        "score": round(hold.score, 3),
        "box": [round(x, 1), round(y, 1), _positive(width), _positive(height)],
        "polygon": [[round(x, 1), round(y, 1)] for x, y in hold.polygon],
        "area_px": _positive(hold.area_px),
        "colour": {
            "name": colour.name,
            "confidence": round(colour.confidence, 3),
            "sure": colour.sure,
            "alternatives": [[name, round(share, 3)] for name, share in colour.alternatives],
            "rgb": list(colour.rgb),
        },
        "problem": hold.problem,
    }


def hold_from_document(document: Mapping[str, Any]) -> Hold:
    """Read :func:`hold_document` back. Raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    colour = document["colour"]
    x, y, width, height = document["box"]
    red, green, blue = colour["rgb"]
    return Hold(
        id=document["id"],
        kind=document["kind"],
        score=document["score"],
        box=(x, y, width, height),
        polygon=tuple((px, py) for px, py in document["polygon"]),
        area_px=document["area_px"],
        colour=Colour(
            name=colour["name"],
            confidence=colour["confidence"],
            sure=colour["sure"],
            alternatives=tuple((name, share) for name, share in colour["alternatives"]),
            rgb=(red, green, blue),
        ),
        problem=document["problem"],
    )
