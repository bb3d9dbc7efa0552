"""The dashboard: ``streamlit run streamlit_app.py``. Declares the pages; each lays itself out."""

from __future__ import annotations

import streamlit as st

from pages.shared import ready_or_stop

st.set_page_config(page_title="ClimbMate", page_icon=":material/landscape:", layout="wide")

page = st.navigation(
    [st.Page("pages/review.py", title="Review a wall", icon=":material/landscape:", default=True)]
)
# Before the page: a setting that cannot be used, or a damaged model, is told once for all pages.
ready_or_stop()
page.run()
