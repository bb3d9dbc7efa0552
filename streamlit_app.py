"""The dashboard: ``streamlit run streamlit_app.py``. Declares the pages; each lays itself out."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import streamlit as st

import debug_memory
from pages.control_words import show_control_words
from pages.language_switch import show_language_switch
from pages.shared import ready_or_stop
from pages.words import _

# A file of our own: the browser would fetch a named symbol from the network.
ASSETS = Path(__file__).with_name("assets")
ICON = ASSETS / "icon.png"

# What the memory debugger calls a page, by its path.
NAMES = {"": "review", "compare": "compare", "models": "models"}

# The width belongs to the wall: the sidebar opens by itself for the memory debugger alone, and not
# on a phone, where it would cover the page.
st.set_page_config(
    page_title="ClimbMate",
    page_icon=str(ICON),
    layout="wide",
    initial_sidebar_state="auto" if debug_memory.enabled() else "collapsed",
)

pages = [
    st.Page("pages/review.py", title=_("Review a wall"), icon=":material/landscape:", default=True),
    st.Page("pages/compare.py", title=_("Compare two photos"), icon=":material/compare:"),
    st.Page("pages/models.py", title=_("Models"), icon=":material/memory:"),
]
if debug_memory.enabled():
    from pages.memory_panel import show_panel, watch_service

    pages.append(st.Page("pages/memory.py", title=_("Memory"), icon=":material/speed:"))
page = st.navigation(pages, position="top")
st.html(ASSETS / "app.css")
show_language_switch()
show_control_words()
if debug_memory.enabled():
    show_panel()
# The Memory page would only crowd its own list of operations.
named = page.url_path in NAMES
seen = debug_memory.track(f"page {NAMES[page.url_path]}") if named else nullcontext()
# Before the page: a setting that cannot be used, or a damaged model, is told once for all pages.
with seen:
    ready = ready_or_stop()
    if debug_memory.enabled():
        watch_service(ready.service)
    page.run()
