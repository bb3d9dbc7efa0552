"""The browser's part in keeping corrections: an element that nobody sees.

A components-v2 element, so it runs in the page itself and has the browser's own storage
(``assets/review_keeper``). With a run of the page it gets what is to be kept of the shown photo,
which is no more than the corrections; where nothing changed, Streamlit sends nothing. It tells what
an earlier session left (:class:`core.review_kept.KeptReport`).

Which corrections are kept and offered is decided in :mod:`core.review_keeping`; the offer is shown
by :mod:`pages.review_offer`.
"""

from __future__ import annotations

import logging

import streamlit as st

from core.review_kept import KeptReport
from pages.element_files import source
from pages.review_state import desk

logger = logging.getLogger(__name__)

KEY = "keeper"

_mount = st.components.v2.component("climbmate_keeper", js=source("review_keeper/review_keeper.js"))


def show_keeper() -> None:
    """Hand the browser what it has to know. Called where it always stands in the same place, so
    that it stays when the page around it changes."""
    queue = desk().queue
    data = desk().keeping.plain(queue.shown, queue.photos)
    _mount(key=KEY, data=data, on_report_change=hear)


def hear() -> None:
    """The browser told what it keeps; anything that is not a report is passed over."""
    try:
        report = KeptReport.of_plain(st.session_state[KEY].get("report"))
    except ValueError as error:
        logger.warning("event=report refused=%s", error)
    else:
        desk().keeping.take(report)
