"""What our own elements in the page are made of, and the pictures that they fetch.

An element is a folder in ``assets`` with HTML, a style sheet and scripts. What an element does is
its own module's matter (:mod:`pages.wall_view`, :mod:`pages.wipe`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit import runtime

ASSETS = Path(__file__).resolve().parents[1] / "assets"


@cache
def source(name: str) -> str:
    """The text of a file in ``assets``, such as ``wipe/wipe.html``."""
    return (ASSETS / name).read_text(encoding="utf-8")


def jpeg_url(jpeg: bytes, name: str) -> str:
    """Where the browser gets a JPEG: the same address as long as the picture is the same.

    ``name`` tells the places of one session apart: a picture stays until another takes its place.
    """
    url = runtime.get_instance().media_file_mgr.add(jpeg, "image/jpeg", name)
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{url}" if base else url
