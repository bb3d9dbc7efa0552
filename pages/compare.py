"""Two photos of one wall, before and after a reset: what came, went, stayed and moved.

The page lays out what :func:`core.compare_photos.compare_photos` found. The session keeps the
documents and the encoded pictures of the latest pair; never pixels, never models.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
import streamlit as st

from core.choices import Choices
from core.compare_photos import compare_photos, comparison_csv
from core.errors import ClimbMateError
from core.export import encode_json
from core.service import Answer
from core.wall import WallAnalysis
from pages.colour_words import colour_word
from pages.shared import Ready, plain, ready_or_stop, session_choices, show_error
from pages.wipe import wipe
from pages.words import _

ASSETS = Path(__file__).resolve().parents[1] / "assets"
DEMO = (ASSETS / "demo_wall.jpg", ASSETS / "demo_wall_after.jpg")
FORMATS = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "tif", "tiff", "bmp"]

Photo = tuple[str, bytes]


@dataclass(frozen=True)
class Compared:
    """What a session keeps of one pair: the document and three JPEGs, or the error's sentences."""

    key: str
    document: dict[str, Any] | None = None
    changes: bytes = b""
    before: bytes = b""
    after: bytes = b""
    error: tuple[str, str] = ("", "")


def fate_words() -> dict[str, str]:
    """What is said of a hold or a problem, by the word in the document."""
    return {
        "came": _("came"),
        "went": _("went"),
        "moved": _("moved"),
        "stayed": _("stayed"),
        "unseen": _("outside the other photo"),
        "new": _("new"),
        "gone": _("gone"),
        "changed": _("changed"),
        "kept": _("kept"),
    }


def chosen_pair(ready: Ready) -> tuple[Photo, Photo] | None:
    """Names and bytes of the two photos; None until there are two."""
    most = max(1, round(ready.settings.max_photo_mb))
    uploads = []
    labels = ((_("Before the reset"), "compare_before"), (_("After the reset"), "compare_after"))
    for column, (label, key) in zip(st.columns(2), labels, strict=True):
        with column:
            uploads.append(st.file_uploader(label, type=FORMATS, max_upload_size=most, key=key))
    if st.button(
        _("Demo walls"),
        icon=":material/landscape:",
        help=_("A wall that ClimbMate drew, before and after a reset."),
    ):
        st.session_state["compare_demo"] = True
    first, second = uploads
    if first is not None or second is not None:
        st.session_state["compare_demo"] = False
    if first is not None and second is not None:
        return (first.name, first.getvalue()), (second.name, second.getvalue())
    if st.session_state.get("compare_demo"):
        before, after = ((path.name, path.read_bytes()) for path in DEMO)
        return before, after
    return None


def compared(key: str, pair: tuple[Photo, Photo], choices: Choices, ready: Ready) -> Compared:
    """Analyse both photos and compare them, with the progress on the page."""
    place = st.empty()
    analyses: list[WallAnalysis] = []
    bar = place.progress(0.0, text=_("Waiting for another analysis to end"))
    doing = (_("Finding the holds before the reset"), _("Finding the holds after the reset"))
    try:
        for turn, (name, data) in enumerate(pair):
            with closing(ready.service.steps(data, name=name, choices=choices)) as steps:
                for item in steps:
                    if isinstance(item, Answer):
                        analyses.append(item.analysis)
                    else:
                        bar.progress(0.4 * (turn + item.share), text=doing[turn])
        bar.progress(0.85, text=_("Laying one photo onto the other"))
        photos = [(data, found) for (_name, data), found in zip(pair, analyses, strict=True)]
        found = compare_photos(photos[0], photos[1], choices.applied_to(ready.settings))
        document = found.comparison.document()
        return Compared(key, document, found.changes, found.before, found.after)
    except ClimbMateError as error:
        return Compared(key, error=(error.message, error.hint))
    finally:
        place.empty()


def show_numbers(document: dict[str, Any]) -> None:
    """The counts a setter looks for first, and how well the photos fit."""
    holds, words = document["counts"]["holds"], fate_words()
    with st.container(horizontal=True):
        for fate in ("came", "went", "moved", "stayed"):
            st.metric(words[fate].capitalize(), holds[fate], border=True, width=150)
    fit = document["alignment"]
    text = _(
        "The photos were laid onto each other by {inliers} details, which lie {error} pixels off "
        "in the middle; the first photo shows {overlap} % of the second."
    )
    st.caption(
        text.format(
            inliers=fit["inliers"],
            error=round(fit["error_px"], 1),
            overlap=round(100 * fit["overlap"]),
        )
    )
    if holds["unseen"]:
        text = _("{count} holds lie where only one photo shows the wall; they are left out.")
        st.caption(text.format(count=holds["unseen"]))


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
        st.image(kept.changes, width="stretch", alt=_("The wall with what changed"))
        st.caption(
            _(
                "Plus and a thick blue line: came. Minus and an orange dashed line: went, where it "
                "was. Yellow dots and an arrow: moved. A thin white line: stayed."
            )
        )
    elif view == "beside":
        for column, picture, label in zip(
            st.columns(2), (kept.before, kept.after), (_("Before"), _("After")), strict=True
        ):
            column.image(picture, caption=label, width="stretch", alt=label)
    else:
        wipe(kept.before, kept.after, blend=view == "blend", key="compare_wipe")
        st.caption(_("Drag across the picture, or use the arrow keys."))


def show_tables(document: dict[str, Any]) -> None:
    """One row per problem and per hold that is not as it was."""
    words = fate_words()
    before, after = _("Before"), _("After")
    st.subheader(_("Problems"))
    problems = [
        {
            _("Change"): words[row["change"]],
            _("Colour"): colour_word(row["colour"]),
            before: row["before"],
            after: row["after"],
            _("Kept"): round(100 * row["share"]),
            _("Came"): row["came"],
            _("Went"): row["went"],
            _("Moved"): row["moved"],
        }
        for row in document["problems"]
    ]
    whole: dict[str, Any] = {before: "Int64", after: "Int64"}
    if problems:
        share = st.column_config.NumberColumn(_("Kept"), format="%d %%")
        st.dataframe(
            pd.DataFrame(problems).astype(whole),
            hide_index=True,
            placeholder="-",
            column_config={_("Kept"): share},
            alt=_("What became of the problems"),
        )
    else:
        st.caption(_("Neither photo shows a problem."))
    st.subheader(_("Holds"))
    rows = [row for row in document["holds"] if row["change"] not in ("stayed", "unseen")]
    holds = [
        {
            _("Change"): words[row["change"]],
            _("Kind"): _("volume") if row["kind"] == "volume" else _("hold"),
            _("Colour"): colour_word(row["colour"]),
            before: row["before"],
            after: row["after"],
        }
        for row in rows
    ]
    if holds:
        table = pd.DataFrame(holds).astype(whole)
        st.dataframe(
            table, hide_index=True, height=360, placeholder="-", alt=_("The holds that changed")
        )
    else:
        st.caption(_("Every hold that both photos can show is where it was."))


def show_downloads(kept: Compared) -> None:
    """The comparison as files."""
    assert kept.document is not None
    stem = PurePath(kept.document["after"]["name"]).stem
    files = {
        "JSON": (encode_json(kept.document), f"{stem}.changes.json", "application/json"),
        "CSV": (comparison_csv(kept.document), f"{stem}.changes.csv", "text/csv"),
        _("Picture"): (kept.changes, f"{stem}.changes.jpg", "image/jpeg"),
    }
    with st.container(horizontal=True):
        for label, (content, name, mime) in files.items():
            st.download_button(
                label, content, name, mime, on_click="ignore", icon=":material/download:"
            )


def show() -> None:
    """The page."""
    st.title(_("Compare two photos"))
    ready = ready_or_stop()
    pair = chosen_pair(ready)
    if pair is None:
        st.info(
            _(
                "Upload two photos of the same wall, taken before and after a reset from about the "
                "same place, or try the demo walls."
            )
        )
        return
    choices = session_choices()
    parts = [hashlib.sha256(data).hexdigest() for _name, data in pair]
    key = "|".join([*parts, repr(choices)])
    kept: Compared | None = st.session_state.get("compared")
    if kept is None or kept.key != key:
        kept = st.session_state["compared"] = compared(key, pair, choices, ready)
    if kept.document is None:
        show_error(*kept.error)
        return
    names = {side: plain(kept.document[side]["name"]) for side in ("before", "after")}
    st.caption(_("{before} compared with {after}").format(**names))
    show_numbers(kept.document)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_pictures(kept)
        show_downloads(kept)
    with right:
        show_tables(kept.document)


show()
