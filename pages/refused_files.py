"""Files that an uploader refused in the browser: the server is told of them.

Streamlit's uploader judges a file's size before it is sent, so the server never sees one that is
too large. An element that nobody sees (``assets/refused_files``) tells which ones there were. What
is done about them is the page's matter (:mod:`pages.review_intake`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.element_files import source

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
    """A file that stayed in the browser; ``turn`` is which uploader of the session refused it."""

    turn: int
    name: str
    size_bytes: int

    def __post_init__(self) -> None:
        if type(self.turn) is not int or type(self.size_bytes) is not int:
            raise ValueError(f"expected whole numbers, got {self.turn!r}, {self.size_bytes!r}")
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MAX_NAME_LENGTH:
            raise ValueError(f"expected the name of a file, got {self.name!r:.80}")


def hear_refused(
    uploader: str, most_mb: int, turn: int, tell: Callable[[list[RefusedFile]], None], *, key: str
) -> None:
    """Call ``tell`` with the files above ``most_mb`` million bytes that are given to the uploader
    with the key ``uploader``."""

    def hear() -> None:
        try:
            tell(read_refused(st.session_state[key].get("refused")))
        except ValueError as error:
            logger.warning("event=refused refused=%s", error)

    place = f'.st-key-{uploader} [data-testid="stFileUploader"]'
    data = {"place": place, "most_bytes": most_mb * 10**6, "turn": turn}
    with st.container(key=f"{key}_place"):
        _mount(key=key, data=data, on_refused_change=hear)


def read_refused(value: object) -> list[RefusedFile]:
    """Refused files as the element sent them. Raises ``ValueError`` for anything else."""
    match value:
        case {"turn": int(turn), "files": list(files)}:
            rows = files[:MAX_FILES]
        case _:
            raise ValueError(f"expected a turn and files, got {value!r:.80}")
    if not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise ValueError("expected a name and bytes of each file")
    return [RefusedFile(turn, name, size) for name, size in rows]
