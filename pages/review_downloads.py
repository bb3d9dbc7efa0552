"""The reviewed wall to take away. A file is made when its button is pressed, not before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import PurePath

import streamlit as st

from core.export import encode_json, for_spreadsheet, to_coco, to_csv, to_json
from core.overlay import draw_overlay, encode_jpeg
from core.review import Review
from core.review_file import save_review
from core.sheet import SheetWords, sheet_parts, write_sheet
from core.wall import WallAnalysis
from core.wall_picture import WallPicture, pixels_of
from pages.colour_words import colour_words
from pages.review_intake import show_review_opener
from pages.review_offer import show_keeping
from pages.words import _, language

DAY_MIN = 24 * 60


def show_downloads(review: Review, picture: WallPicture) -> None:
    """Every form of the wall, the saved review, and the way back in for one."""
    stem = PurePath(review.photo.name).stem or "wall"
    analysis = review.analysis()
    st.markdown("**" + _("For the wall") + "**")
    with st.container(horizontal=True):
        show_sheets(review, picture, stem)
        file(
            _("Annotated picture"),
            lambda: encode_jpeg(draw_overlay(pixels_of(picture), analysis, picture.scale)),
            f"{stem}.overlay.jpg",
            "image/jpeg",
            ":material/image:",
        )
    st.markdown("**" + _("As data") + "**")
    with st.container(horizontal=True):
        show_data(analysis, stem)
    st.markdown("**" + _("To go on later") + "**")
    file(
        _("Save review"),
        lambda: save_review(review),
        f"{stem}.review.json",
        "application/json",
        ":material/save:",
    )
    show_review_opener()
    show_keeping()


def show_sheets(review: Review, picture: WallPicture, stem: str) -> None:
    """The printable sheet, in parts where one file would be too long."""
    words, zone = sheet_words(), readers_zone()
    parts = sheet_parts([problem.id for problem in review.problems]) or [()]
    for number, part in enumerate(parts, start=1):
        label = _("Printable sheet")
        if len(parts) > 1:
            label = _("Printable sheet, part {number}").format(number=number)
        file(
            label,
            partial(sheet, review, picture, words, zone, part),
            f"{stem}.sheet{number if len(parts) > 1 else ''}.pdf",
            "application/pdf",
            ":material/print:",
        )


def show_data(analysis: WallAnalysis, stem: str) -> None:
    """The wall for programs and tables."""
    json_type = "application/json"
    file("JSON", lambda: to_json(analysis), f"{stem}.json", json_type)
    file("CSV", lambda: for_spreadsheet(to_csv(analysis)), f"{stem}.csv", "text/csv")
    file("COCO", lambda: encode_json(to_coco([analysis])), f"{stem}.coco.json", json_type)


def file(
    label: str,
    make: Callable[[], str | bytes],
    name: str,
    mime: str,
    icon: str = ":material/download:",
) -> None:
    """A button that makes the file and downloads it, without another run of the page."""
    st.download_button(label, make, name, mime, on_click="ignore", icon=icon, key=f"file-{name}")


def sheet(
    review: Review,
    picture: WallPicture,
    words: SheetWords,
    zone: timezone | None,
    part: tuple[int, ...],
) -> bytes:
    """The printable sheet of some problems, with the day that it is in ``zone``."""
    return write_sheet(
        review.analysis(),
        pixels_of(picture),
        picture.scale,
        date=datetime.now(zone).date(),
        words=words,
        problems=part,
    )


def readers_zone() -> timezone | None:
    """The reader's time zone, which is often not the server's; None, the server's own, where the
    browser tells none that there can be."""
    behind_min = st.context.timezone_offset
    if behind_min is None or abs(behind_min) >= DAY_MIN:
        return None
    return timezone(-timedelta(minutes=behind_min))


def sheet_words() -> SheetWords:
    """Every text on the sheet, in the reader's language."""
    return SheetWords(
        title=_("Wall sheet"),
        summary=_("Problems: {problems} · Holds: {holds} · Volumes: {volumes}"),
        problem=_("Problem {number}"),
        holds=_("Holds: {count}"),
        holds_and_volumes=_("Holds: {holds} · Volumes: {volumes}"),
        grade=_("Grade"),
        start=_("Start"),
        top=_("Top"),
        setter=_("Setter"),
        notes=_("Notes"),
        numbering=_(
            "The numbers run from the lowest hold to the highest, not in order of the moves."
        ),
        strays=_("Grey outlines: holds of no problem."),
        page=_("Page {page} of {pages}"),
        no_problems=_("There are no problems on this wall yet."),
        language=language(),
        colours=colour_words(),
    )
