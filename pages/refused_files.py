"""Files that an uploader refused in the browser: the server is told of them.

Streamlit's uploader judges a file's size and ending before it is sent, so the server never sees
one that is too large or of another kind. An element that nobody sees (``assets/refused_files``)
tells which ones there were once their uploader, which says so itself, is gone. What is done about
them is the page's matter (:mod:`pages.review_intake`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.element_files import source
from pages.uploads import PHOTO_ENDINGS

logger = logging.getLogger(__name__)

MAX_FILES = 100
"""A longer list from a browser is cut off."""

MAX_NAME_LENGTH = 255
"""Of a file's name; no file system allows more."""

_mount = st.components.v2.component(
    "climbmate_refused_files", js=source("refused_files/refused_files.js")
)


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that stayed in the browser."""

    name: str
    size_bytes: int

    def __post_init__(self) -> None:
        if type(self.size_bytes) is not int:
            raise ValueError(f"expected a whole number, got {self.size_bytes!r}")
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MAX_NAME_LENGTH:
            raise ValueError(f"expected the name of a file, got {self.name!r:.80}")


def hear_refused(
    uploader: str, most_mb: int, turn: int, tell: Callable[[list[RefusedFile]], None], *, key: str
) -> None:
    """Call ``tell`` with the files above ``most_mb`` million bytes, and those without the extension
    of a photo, that were given to the uploader with the key ``uploader``, once its ``turn`` is
    over."""

    def hear() -> None:
        try:
            tell(read_refused(st.session_state[key].get("refused")))
        except ValueError as error:
            logger.warning("event=refused refused=%s", error)

    place = f'.st-key-{uploader} [data-testid="stFileUploader"]'
    data = {
        "place": place,
        "most_bytes": most_mb * 10**6,
        "endings": PHOTO_ENDINGS,
        "turn": turn,
    }
    _mount(key=key, data=data, on_refused_change=hear)


def read_refused(value: object) -> list[RefusedFile]:
    """Refused files as the element sent them. Raises ``ValueError`` for anything else."""
    if not isinstance(value, list):
        raise ValueError(f"expected files, got {value!r:.80}")
    rows = value[:MAX_FILES]
    if not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise ValueError("expected a name and bytes of each file")
    return [RefusedFile(name, size) for name, size in rows]
