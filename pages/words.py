"""The words a person reads, in their language.

Every text on a page goes through :func:`_` as a literal English sentence with named places
(``_("{count} holds").format(count=n)``), which is how the catalogue is collected. Sentences that
were finished elsewhere (errors, warnings) go through :func:`told`, in English too: where ``core``
names an environment variable, a page names what a setter can do. Nothing but looking words up is
done here; the catalogues in ``locales/`` are built by ``scripts/collect_words.py``.
"""

from __future__ import annotations

import gettext
import json
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.sentences import Phrasebook, Template

LANGUAGES = {"en": "English", "ko": "한국어"}
KEY = "language"
PARAMETER = "lang"
FOLDER = Path(__file__).resolve().parents[1] / "locales"
CONTEXT = "core"


def language() -> str:
    """The language of this session: the one that was chosen, else the address's (``?lang=ko``),
    else the browser's, else English."""
    # Asked for every text of a page, so no more is looked up than is needed.
    return (
        _known(st.session_state.get(KEY))
        or _known(st.query_params.get(PARAMETER))
        or _known(st.context.locale)
        or "en"
    )


def _known(wish: object) -> str:
    """The code of a language such as ``ko-KR``; empty where there are no words in it."""
    code = str(wish or "").replace("_", "-").split("-")[0].lower()
    return code if code in LANGUAGES else ""


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(code: str) -> gettext.NullTranslations:
    return gettext.translation("climbmate", FOLDER, languages=[code])


@lru_cache(maxsize=len(LANGUAGES))
def _phrasebook(code: str) -> Phrasebook:
    rows = json.loads((FOLDER / "core_sentences.json").read_text(encoding="utf-8"))
    templates = [Template(row["text"], tuple(row["words"])) for row in rows]
    return Phrasebook(templates, lambda text: _catalogue(code).pgettext(CONTEXT, text))


def _(text: str) -> str:
    """``text`` in the language of this session."""
    return _catalogue(language()).gettext(text)


def N_(text: str) -> str:
    """``text`` as it is: a literal for the catalogue that is looked up later, with :func:`told`."""
    return text


def ngettext(one: str, many: str, count: int) -> str:
    """The form of ``one``/``many`` that ``count`` asks for, in the language of this session."""
    return _catalogue(language()).ngettext(one, many, count)


def told(text: str) -> str:
    """A finished English sentence (or several) as a setter reads it, in the language of this
    session; as it is where nobody knows it."""
    code = language()
    whole = _catalogue(code).gettext(text) if text else text
    return whole if whole != text else _phrasebook(code).told(text)
