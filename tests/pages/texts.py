"""Every text that a browser would be given of a page, for tests of its language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest

NOT_READ = {
    "id", "key", "formId", "url", "type", "icon", "name", "mimeType", "data", "arrowData", "color",
    "component", "js", "css", "html", "pageScriptHash", "urlPathname", "scriptPath", "language",
    "htmlContent", "jsContent", "cssContent", "componentName", "columnOrder", "styler", "userKey",
    "field", "scheme", "mark", "orient", "sort", "shade", "step", "displayValues", "elementId",
}  # fmt: skip
"""Fields of Streamlit's messages, and of charts in them, that no person reads."""


def texts_of(app: AppTest) -> set[str]:
    """The texts of all elements, with those in charts, in tables and in the clickable wall."""
    found: set[str] = set()
    for element in elements(app._tree):
        proto = getattr(element, "proto", None)
        if proto is not None:
            found.update(strings(MessageToDict(proto)))
        for table in tables(element):
            found.update(str(name) for name in table.columns)
            for column in table.columns:
                found.update(value for value in table[column] if isinstance(value, str))
    return found


def elements(node: Any) -> Iterator[Any]:
    """All blocks and elements of a page, the sidebar's too."""
    for child in getattr(node, "children", {}).values():
        yield child
        yield from elements(child)


def tables(element: Any) -> Iterator[Any]:
    """The table of a dataframe that names its columns itself; others name them in their
    configuration, and their cells hold the names of the document."""
    if type(element).__name__ == "Dataframe" and not named_columns(element.proto):
        yield element.value


def named_columns(proto: Any) -> bool:
    """Whether the columns are given names apart from the data."""
    columns = json.loads(proto.columns or "{}") if hasattr(proto, "columns") else {}
    return any("label" in (column or {}) for column in columns.values())


def strings(value: Any) -> Iterator[str]:
    """The strings in nested values, those too that are packed as JSON."""
    if isinstance(value, dict) and value.keys() == {"texts", "labels"}:
        return  # what an element is to replace (pages/control_words.py)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "colourWords":
                yield from inner.values()
            elif name not in NOT_READ and not (name == "value" and "label" in value):
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        if value[:1] in "{[":
            try:
                yield from strings(json.loads(value))
            except ValueError:
                yield value
        else:
            yield value
