"""Which two photos are compared: two uploads, or the demo walls.

Nothing is decoded here.
"""

from __future__ import annotations

import streamlit as st

from core.settings import Settings
from pages.demo import DEMO_WALL, DEMO_WALL_AFTER
from pages.shared import Ready
from pages.uploads import PHOTO_ENDINGS, present, uploader_limit
from pages.words import _

Photo = tuple[str, bytes]
"""A photo's name and its encoded bytes."""


def _take_demo() -> None:
    """Show the demo walls, with both uploaders empty."""
    st.session_state["compare_demo"] = True
    st.session_state["compare_round"] = st.session_state.get("compare_round", 0) + 1


def chosen_pair(ready: Ready) -> tuple[Photo, Photo] | None:
    """The photos before and after; None, with the next step on the page, until there are two that
    can be compared."""
    first, second = _uploads(ready.settings)
    st.button(
        _("Demo walls"),
        icon=":material/landscape:",
        help=_("A wall that ClimbMate drew, before and after a reset."),
        on_click=_take_demo,
    )
    if first is not None or second is not None:
        st.session_state["compare_demo"] = False
    if st.session_state.get("compare_demo"):
        before, after = ((path.name, path.read_bytes()) for path in (DEMO_WALL, DEMO_WALL_AFTER))
        return before, after
    if first is not None and second is not None:
        if first[1] != second[1]:
            return first, second
        st.warning(
            _("Both are the same photo. Replace one of them by the photo of the other day."),
            icon=":material/content_copy:",
        )
    elif first is not None:
        st.info(_("Now upload the photo after the reset."), icon=":material/arrow_upward:")
    elif second is not None:
        st.info(_("Now upload the photo before the reset."), icon=":material/arrow_upward:")
    else:
        st.info(
            _(
                "Upload two photos of the same wall, taken before and after a reset from about the "
                "same place, or try the demo walls."
            )
        )
    return None


def _uploads(settings: Settings) -> list[Photo | None]:
    """Both uploaders, beside each other, and what is in them."""
    turn = st.session_state.get("compare_round", 0)
    labels = ((_("Before the reset"), "before"), (_("After the reset"), "after"))
    photos: list[Photo | None] = []
    for column, (label, side) in zip(st.columns(2), labels, strict=True):
        given = column.file_uploader(
            label,
            type=PHOTO_ENDINGS,
            max_upload_size=uploader_limit(settings.max_photo_mb),
            key=f"compare_{side}_{turn}",
        )
        files = present(given)
        photos.append((files[0].name, files[0].getvalue()) if files else None)
    return photos
