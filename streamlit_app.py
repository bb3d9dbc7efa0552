"""The dashboard: ``streamlit run streamlit_app.py``. Declares the pages; each lays itself out."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shared import ready_or_stop

# A file of our own: the browser would fetch a named symbol from the network.
ICON = Path(__file__).with_name("assets") / "icon.png"

st.set_page_config(page_title="ClimbMate", page_icon=str(ICON), layout="wide")

page = st.navigation(
    [st.Page("pages/review.py", title="Review a wall", icon=":material/landscape:", default=True)]
)
# Before the page: a setting that cannot be used, or a damaged model, is told once for all pages.
ready_or_stop()
page.run()
