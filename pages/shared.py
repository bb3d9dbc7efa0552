"""What every page needs: the settings with the loaded models, and errors shown as sentences.

Models are loaded once per process and shared by all sessions. Nothing is analysed here.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core import analysis
from core.errors import ClimbMateError
from core.settings import Settings, load_settings

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$:~&])")


@dataclass(frozen=True, eq=False)
class Ready:
    """What an analysis takes. ``turn`` is held while one runs: two at once would need twice the
    memory, which a small server does not have."""

    settings: Settings
    models: analysis.Models
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Review:
    """What a session keeps of one photo: the document and the annotated JPEG, or the error's
    message and hint."""

    sha256: str
    document: dict[str, Any] | None = None
    picture: bytes = b""
    error: tuple[str, str] = ("", "")


@st.cache_resource(show_spinner="Loading the models", max_entries=1)
def _ready() -> Ready:
    settings = load_settings()
    models = analysis.load_models(settings)
    models.warm_up()
    return Ready(settings, models)


def ready_or_stop() -> Ready:
    """The settings and models of this process; where they cannot be had, the page says why and
    ends."""
    try:
        return _ready()
    except ClimbMateError as error:
        show_error(error.message, error.hint)
        st.stop()


def show_error(message: str, hint: str) -> None:
    """An error as a person reads it: what is wrong, then what to do."""
    st.error("\n\n".join(plain(text) for text in (message, hint) if text), icon=":material/error:")


def plain(text: str) -> str:
    """``text`` so that Streamlit's Markdown shows it as it is: a file name is not markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
