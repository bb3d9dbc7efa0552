"""Two photos in one view, on top of each other: the reader wipes from one to the other.

A components-v2 element; both photos are served as files, and moving the slider stays in the
browser. Nothing is computed here.
"""

from __future__ import annotations

import streamlit as st

from pages.element_files import jpeg_url, source
from pages.words import _

_mount = st.components.v2.component(
    "climbmate_wipe",
    html=source("wipe/wipe.html"),
    css=source("wipe/wipe.css"),
    js=source("wipe/wipe.js"),
)


def wipe(before: bytes, after: bytes, *, blend: bool, key: str) -> None:
    """Show two JPEGs of one size; with ``blend`` the slider fades instead of wiping."""
    _mount(
        key=key,
        data={
            "before": jpeg_url(before, f"wipe-{key}-before"),
            "after": jpeg_url(after, f"wipe-{key}-after"),
            "blend": blend,
            "words": {
                "before": _("Before"),
                "after": _("After"),
                "slider": _("Move between before and after"),
            },
        },
    )
