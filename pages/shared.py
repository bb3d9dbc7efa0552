"""What every page needs: the settings with the running service, and errors shown as sentences.

One service serves all sessions, and under ``server.py`` the REST face too. Nothing is analysed
here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.choices import Choices
from core.errors import ClimbMateError
from core.service import ModelService
from core.settings import Settings, load_settings
from core.shared_service import release_shared, shared_service
from pages.server_end import let_servers_end
from pages.upload_answers import keep_upload_answers
from pages.uploads import accept_uploads
from pages.words import _, told

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$:~&])")


@dataclass(frozen=True, eq=False)
class Ready:
    """What a page works with: the configuration and the service that analyses."""

    settings: Settings
    service: ModelService


def _release(ready: Ready) -> None:
    release_shared(ready.service)


@st.cache_resource(show_spinner=False, max_entries=1, on_release=_release)
def _ready() -> Ready:
    settings = load_settings()
    accept_uploads(settings)
    keep_upload_answers()
    let_servers_end()
    return Ready(settings, shared_service(settings))


def ready_or_stop() -> Ready:
    """The settings and the service of this process, its models loaded; where they cannot be had,
    the page says why and ends.

    A page that runs again after a failure has loading tried again.
    """
    _enter_by_the_front_door()
    try:
        ready = _ready()
        readiness = ready.service.readiness()
        if not readiness.ready:
            with st.spinner(_("Loading the models")):
                readiness = ready.service.wait_ready()
        if readiness.ready:
            return ready
        raise readiness.problem()
    except ClimbMateError as error:
        show_error(error.message, error.hint)
        st.stop()


def session_choices() -> Choices:
    """What this session chose on the Models page to differ from the settings."""
    return Choices(**st.session_state.get("choices", {}))


def _enter_by_the_front_door() -> None:
    """Until ``st.navigation`` is called for the first time in a process, Streamlit takes every file
    in ``pages/`` for a page and runs it by itself. An address such as ``/compare``, opened first on
    a fresh server, would come without title and menu; it is run again through streamlit_app.py.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def show_error(message: str, hint: str) -> None:
    """An error as a person reads it: what is wrong, then what to do, in the reader's language."""
    texts = [plain(told(text)) for text in (message, hint) if text]
    st.error("\n\n".join(texts), icon=":material/error:")


def plain(text: str) -> str:
    """``text`` so that Streamlit's Markdown shows it as it is: a file name is not markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
