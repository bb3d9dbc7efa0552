"""Two photos in one view, on top of each other: the reader wipes from one to the other.

A components-v2 element; both photos are served as files, and moving the slider stays in the
browser. Nothing is computed here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit import runtime

from pages.words import _

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "wipe"


@cache
def _source(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "climbmate_wipe",
    html=_source("wipe.html"),
    css=_source("wipe.css"),
    js=_source("wipe.js"),
)


def wipe(before: bytes, after: bytes, *, blend: bool, key: str) -> None:
    """Show two JPEGs of one size; with ``blend`` the slider fades instead of wiping."""
    _mount(
        key=key,
        data={
            "before": _url(before, f"{key}-before"),
            "after": _url(after, f"{key}-after"),
            "blend": blend,
            "words": {
                "before": _("Before"),
                "after": _("After"),
                "slider": _("Move between before and after"),
            },
        },
    )


def _url(jpeg: bytes, name: str) -> str:
    """Where the browser gets a photo: the same address as long as the photo is the same."""
    url = runtime.get_instance().media_file_mgr.add(jpeg, "image/jpeg", f"wipe-{name}")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{url}" if base else url
