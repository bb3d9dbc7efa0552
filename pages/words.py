"""The words a person reads, in their language.

Every text on a page goes through :func:`_` as a literal English sentence with named places
(``_("{count} holds").format(count=n)``), which is how the catalogue is collected. Nothing but
looking words up is done here.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from pathlib import Path

import streamlit as st

LANGUAGES = {"en": "English", "ko": "한국어"}
FOLDER = Path(__file__).resolve().parents[1] / "locales"


def language() -> str:
    """The language of this session: the one that was chosen, else the browser's, else English."""
    chosen = st.session_state.get("language") or (st.context.locale or "en").split("-")[0]
    return chosen if chosen in LANGUAGES else "en"


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(code: str) -> gettext.NullTranslations:
    return gettext.translation("climbmate", FOLDER, languages=[code], fallback=code == "en")


def _(text: str) -> str:
    """``text`` in the language of this session."""
    return _catalogue(language()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The form of ``one``/``many`` that ``count`` asks for, in the language of this session."""
    return _catalogue(language()).ngettext(one, many, count)
