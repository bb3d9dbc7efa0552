"""Readings as files, and the figures of one version beside those of the last.

A :class:`Report` is everything the debugger knows at one moment, as plain values; it is written as
JSON or CSV. A baseline is a report's figures, by name, kept per version of the program in a folder;
:func:`difference` puts two of them side by side.

Nothing is read from the process here (:mod:`core.memory.workbench` does that), and a difference is
not judged.
"""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.memory.composition import Composition
from core.memory.ledger import Moment, Operation
from core.memory.owners import Owner

SCHEMA = "debug_memory.readings/1"

_UNSAFE = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True, slots=True)
class Report:
    """All readings of one moment; memory in MiB, times in seconds since the epoch."""

    at_s: float
    version: str
    rss_mb: float
    headroom_mb: float
    composition: Composition
    owners: tuple[Owner, ...]
    operations: tuple[Operation, ...]
    moments: tuple[Moment, ...]

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "schema": SCHEMA,
            "at_s": self.at_s,
            "version": self.version,
            "rss_mb": self.rss_mb,
            "headroom_mb": self.headroom_mb,
            "composition": self.composition.parts(),
            "owners": [asdict(owner) for owner in self.owners],
            "operations": [asdict(operation) for operation in self.operations],
            "moments": [asdict(moment) for moment in self.moments],
        }

    def figures(self) -> dict[str, float]:
        """The report in few numbers with names, to be compared: RSS, parts, owners by kind, and for
        each operation the median of what it needed and of what it left, all in MiB."""
        found = {"rss": self.rss_mb}
        for name, part_mb in self.composition.parts().items():
            found[f"part {name.removesuffix('_mb')}"] = part_mb
        for owner in self.owners:
            name = f"owner {owner.kind}"
            found[name] = found.get(name, 0.0) + owner.held_mb
        for name in dict.fromkeys(operation.name for operation in self.operations):
            runs = [operation for operation in self.operations if operation.name == name]
            found[f"rise {name}"] = statistics.median(run.rise_mb for run in runs)
            found[f"kept {name}"] = statistics.median(run.kept_mb for run in runs)
        return found


def encode_json(report: Report) -> bytes:
    """The report as a JSON file."""
    return json.dumps(report.document(), ensure_ascii=False, indent=1).encode()


def encode_csv(report: Report) -> bytes:
    """The report as a CSV file in rows ``what, name, at_s, figure, value``.

    A name that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("what", "name", "at_s", "figure", "value"))
    for figure in ("rss_mb", "headroom_mb"):
        writer.writerow(("process", "", report.at_s, figure, getattr(report, figure)))
    for figure, value in report.composition.parts().items():
        writer.writerow(("composition", "", report.at_s, figure, value))
    for owner in report.owners:
        name = _cell(f"{owner.kind}: {owner.name}")
        writer.writerow(("owner", name, report.at_s, "nbytes", owner.nbytes))
    for operation in report.operations:
        for figure in ("duration_ms", "before_mb", "peak_mb", "after_mb"):
            value = getattr(operation, figure)
            writer.writerow(
                ("operation", _cell(operation.name), operation.started_s, figure, value)
            )
    for moment in report.moments:
        writer.writerow(("moment", "", moment.at_s, "rss_mb", moment.rss_mb))
    return out.getvalue().encode()


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


@dataclass(frozen=True, slots=True)
class Baseline:
    """The figures (MiB by name) of one version, and when they were taken."""

    version: str
    at_s: float
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of two baselines in MiB; None where one of them has none."""

    name: str
    before_mb: float | None
    now_mb: float | None

    @property
    def more_mb(self) -> float | None:
        """What it grew by; None where one side is missing."""
        if self.before_mb is None or self.now_mb is None:
            return None
        return self.now_mb - self.before_mb


def save_baseline(folder: Path, report: Report) -> Path:
    """Keep the report's figures as those of its version, in place of older ones; the file.

    Raises :class:`OSError` when the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_UNSAFE.sub('_', report.version) or 'unnamed'}.json"
    content = {"version": report.version, "at_s": report.at_s, "figures": report.figures()}
    written = path.with_suffix(".tmp")
    written.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    written.replace(path)  # a reader sees the old file or the new one, never a part
    return path


def load_baselines(folder: Path) -> list[Baseline]:
    """The baselines in ``folder``, the newest first. Raises :class:`ValueError` naming a file that
    is none."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            figures = {str(name): float(value) for name, value in content["figures"].items()}
            found.append(Baseline(str(content["version"]), float(content["at_s"]), figures))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} is not a memory baseline: {error}") from error
    return sorted(found, key=lambda baseline: -baseline.at_s)


def last_of_another_version(baselines: Sequence[Baseline], version: str) -> Baseline | None:
    """The newest baseline that is not of ``version``; of ``version`` itself where no other is."""
    others = [baseline for baseline in baselines if baseline.version != version]
    return next(iter(others or baselines), None)


def difference(before: Mapping[str, float], now: Mapping[str, float]) -> list[Change]:
    """Every figure of either side, the largest change first, those of one side alone last."""
    names = dict.fromkeys((*now, *before))
    changes = [Change(name, before.get(name), now.get(name)) for name in names]
    return sorted(
        changes, key=lambda row: (row.more_mb is None, -abs(row.more_mb or 0.0), row.name)
    )
