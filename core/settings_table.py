"""The settings as the Markdown table that stands in the README.

Written by ``python -m core settings --markdown`` from the rows in :mod:`core.settings`; a test
fails when the README differs. The same rows as a file of variables are in
:mod:`core.environment_file`.
"""

from __future__ import annotations

from core.settings import ROWS


def markdown_table() -> str:
    """The settings as a Markdown table, as it stands in the README (no newline at the end)."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in ROWS.values():
        default = "automatic" if row.default is None else _shown(row.default)
        rows.append(f"| `{row.variable}` | {default} | {row.description} |")
    return "\n".join(rows)


def as_typed(default: object) -> str:
    """A default as one would type it into the environment; empty where there is none."""
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, tuple) else str(default)


def _shown(default: object) -> str:
    return f"`{as_typed(default)}`" if as_typed(default) else "empty"
