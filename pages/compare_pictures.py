"""The pictures of a comparison, what their lines mean, and the comparison as files."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import PurePath

import streamlit as st

from core.change_picture import FATE_COLOURS
from core.compare_photos import comparison_csv
from core.export import encode_json, for_spreadsheet
from pages.compare_tables import fate_words
from pages.compare_work import Compared
from pages.wipe import wipe
from pages.words import _

LINES = {
    "came": '<circle cx="14" cy="14" r="11" stroke-width="4"/><path d="M9 14h10M14 9v10"/>',
    "went": '<circle cx="14" cy="14" r="11" stroke-dasharray="6 4"/><path d="M9 14h10"/>',
    "moved": (
        '<circle cx="14" cy="14" r="11" stroke-dasharray="1 4" stroke-linecap="round"/>'
        '<path d="M8 14h11M15 10l4 4-4 4"/>'
    ),
    "stayed": '<circle cx="14" cy="14" r="11" stroke-width="1.5"/>',
}
"""How each fate is drawn: by its line and its sign, and besides by its colour."""


def show_pictures(kept: Compared) -> None:
    """The changes on the second photo, or both photos to wipe between."""
    views = {
        "changes": _("Changes"),
        "wipe": _("Wipe"),
        "blend": _("Blend"),
        "beside": _("Side by side"),
    }
    view = st.segmented_control(
        _("View"),
        list(views),
        format_func=views.__getitem__,
        default="changes",
        required=True,
        key="compare_view",
        label_visibility="collapsed",
    )
    if view == "changes":
        _legend()
        st.image(kept.changes, width="stretch", alt=_("The wall with what changed"))
        st.caption(
            _("What went is drawn where it was; an arrow leads from the old place to the new one.")
        )
    elif view == "beside":
        for column, picture, label in zip(
            st.columns(2), (kept.before, kept.after), (_("Before"), _("After")), strict=True
        ):
            column.image(picture, caption=label, width="stretch", alt=label)
        st.caption(_("The photo before the reset is shown as the second camera saw the wall."))
    else:
        wipe(kept.before, kept.after, blend=view == "blend", key="compare_wipe")
        st.caption(_("Drag across the picture, or use the arrow keys."))


def _legend() -> None:
    """What each line of the picture means, with the line itself."""
    words = fate_words()
    rows = []
    for fate, shape in LINES.items():
        red, green, blue = FATE_COLOURS[fate]
        drawing = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28" fill="none" '
            f'stroke="rgb({red},{green},{blue})" stroke-width="3">'
            f'<rect width="28" height="28" rx="5" fill="#2b3032" stroke="none"/>{shape}</svg>'
        )
        # As a picture: Streamlit takes drawings out of HTML.
        source = b64encode(drawing.encode()).decode()
        rows.append(
            '<span style="display:inline-flex;align-items:center;gap:.4rem">'
            f'<img src="data:image/svg+xml;base64,{source}" width="28" height="28" alt="">'
            f"{escape(words[fate])}</span>"
        )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.4rem 1.1rem">{"".join(rows)}</div>')


def show_downloads(kept: Compared) -> None:
    """The comparison as files."""
    assert kept.document is not None
    stem = PurePath(kept.document["after"]["name"]).stem
    files = {
        "JSON": (encode_json(kept.document), f"{stem}.changes.json", "application/json"),
        "CSV": (for_spreadsheet(comparison_csv(kept.document)), f"{stem}.changes.csv", "text/csv"),
        _("Picture"): (kept.changes, f"{stem}.changes.jpg", "image/jpeg"),
    }
    with st.container(horizontal=True):
        for label, (content, name, mime) in files.items():
            st.download_button(
                label, content, name, mime, on_click="ignore", icon=":material/download:"
            )
