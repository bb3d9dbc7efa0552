"""One photo of a wall, reviewed: upload it or take the demo wall, see what was found, download it.

The page lays out what :mod:`core.service` found and computes nothing itself. The session
keeps the analysis document and the annotated picture as an encoded file, of the latest photo only;
never pixels, never models.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path, PurePath

import pandas as pd
import streamlit as st

from core.analysis import Stage
from core.errors import ClimbMateError
from core.export import encode_json, to_csv
from core.overlay import draw_overlay, encode_jpeg
from core.photo import Photo, open_photo
from core.service import Answer
from core.wall import WallAnalysis
from pages.shared import Ready, Review, plain, ready_or_stop, show_error

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo_wall.jpg"
FORMATS = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "tif", "tiff", "bmp"]

DOING: dict[Stage, str] = {
    "decode": "Opening the photo",
    "detect": "Finding holds and volumes",
    "masks": "Tracing their outlines",
    "colour": "Reading their colours",
    "problems": "Grouping them into problems",
}


def chosen_photo(ready: Ready) -> tuple[str, bytes] | None:
    """Name and bytes of the photo to analyse now; None when there is nothing new."""
    uploaded = st.file_uploader(
        "Photo of a wall",
        type=FORMATS,
        max_upload_size=max(1, round(ready.settings.max_photo_mb)),
        key="photo",
    )
    if st.button("Demo wall", icon=":material/landscape:", help="A wall that ClimbMate drew."):
        return DEMO.name, DEMO.read_bytes()
    # The uploader keeps its file over reruns; only one that was not yet analysed is news.
    if uploaded is None or uploaded.file_id == st.session_state.get("done_upload"):
        return None
    return uploaded.name, uploaded.getvalue()


def review(name: str, data: bytes, sha256: str, ready: Ready) -> Review:
    """Analyse the photo, with its progress on the page."""
    photo: Photo | None = None
    place = st.empty()
    bar = place.progress(0.0, text="Waiting for another analysis to end")
    try:
        # Closing matters when the visitor leaves or clicks meanwhile: the work is then given up.
        with closing(ready.service.steps(data, name=name)) as steps:
            for item in steps:
                if isinstance(item, Answer):
                    analysis = item.analysis
                    break
                bar.progress(item.share, text=DOING[item.stage])
                photo = item.photo or photo
        if photo is None:  # known already, so nobody opened it
            photo = open_photo(data, name=name, settings=ready.settings)
        drawn = draw_overlay(photo.pixels, analysis, photo.scale)
        return Review(sha256, analysis.document(), encode_jpeg(drawn))
    except ClimbMateError as error:
        return Review(sha256, error=(error.message, error.hint))
    finally:
        place.empty()


def show_counts(analysis: WallAnalysis) -> None:
    """The numbers a setter looks for first."""
    volumes = sum(hold.kind == "volume" for hold in analysis.holds)
    unsure = sum(not hold.colour.sure for hold in analysis.holds)
    counts = {
        "Holds": len(analysis.holds) - volumes,
        "Volumes": volumes,
        "Problems": len(analysis.problems),
        "Unsure": unsure,
    }
    with st.container(horizontal=True):
        for label, count in counts.items():
            st.metric(label, count, border=True, width=160)


def show_warnings(analysis: WallAnalysis) -> None:
    """What the analysis says about its own limits."""
    for warning in analysis.warnings:
        st.warning(plain(warning), icon=":material/warning:")


def show_problems(analysis: WallAnalysis) -> None:
    """One row per problem; its number is the one on the picture."""
    st.subheader("Problems")
    if not analysis.problems:
        st.caption("No holds of one colour lie close enough together to be a problem.")
        return
    rows = [
        {"Problem": p.id, "Colour": p.colour, "Size": len(p.holds), "Holds": _numbers(p.holds)}
        for p in analysis.problems
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The problems that were found")


def show_holds(analysis: WallAnalysis) -> None:
    """One row per hold, those first whose colour the setter has to decide."""
    st.subheader("Holds")
    if not analysis.holds:
        st.caption("Nothing to list.")
        return
    rows = [
        {
            "Hold": hold.id,
            "Kind": hold.kind,
            "Colour": hold.colour.name,
            "Confidence": round(100 * hold.colour.confidence),
            "Unsure": "?" if not hold.colour.sure else "",
            "Or else": ", ".join(name for name, _ in hold.colour.alternatives),
            "Problem": hold.problem,
        }
        for hold in sorted(analysis.holds, key=lambda hold: (hold.colour.sure, hold.id))
    ]
    table = pd.DataFrame(rows).astype({"Problem": "Int64"})
    confidence = st.column_config.NumberColumn("Confidence", format="%d %%")
    st.dataframe(
        table,
        hide_index=True,
        height=360,
        column_config={"Confidence": confidence},
        placeholder="-",
        alt="The holds that were found",
    )


def _numbers(holds: tuple[int, ...]) -> str:
    return ", ".join(map(str, holds))


def show_downloads(analysis: WallAnalysis, kept: Review) -> None:
    """The analysis as files; pressing one does not run the page again."""
    stem = PurePath(analysis.photo.name).stem or "wall"
    files = {
        "JSON": (encode_json(kept.document), f"{stem}.json", "application/json"),
        "CSV": (to_csv(analysis), f"{stem}.csv", "text/csv"),
        "Picture": (kept.picture, f"{stem}.overlay.jpg", "image/jpeg"),
    }
    with st.container(horizontal=True):
        for label, (content, name, mime) in files.items():
            st.download_button(
                label, content, name, mime, on_click="ignore", icon=":material/download:"
            )


def show_review(kept: Review) -> None:
    """The annotated picture beside the tables, or the sentence that says why there is none."""
    if kept.document is None:
        show_error(*kept.error)
        return
    analysis = WallAnalysis.from_document(kept.document)
    show_warnings(analysis)
    show_counts(analysis)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.image(kept.picture, width="stretch", alt="The wall with its holds outlined")
        seconds = analysis.timings_ms.total / 1000
        st.caption(
            f"{plain(analysis.photo.name)}, {analysis.photo.width} x {analysis.photo.height} "
            f"pixels, analysed in {seconds:.1f} s. Numbers are problems; a question mark is a "
            "colour to decide by eye; volumes are dashed."
        )
        show_downloads(analysis, kept)
    with right:
        show_problems(analysis)
        show_holds(analysis)


def show() -> None:
    """The page."""
    st.title("Review a wall")
    ready = ready_or_stop()
    photo = chosen_photo(ready)
    kept: Review | None = st.session_state.get("review")
    if photo is not None:
        sha256 = hashlib.sha256(photo[1]).hexdigest()
        if kept is None or kept.sha256 != sha256:
            kept = st.session_state["review"] = review(*photo, sha256, ready)
        # Only now: a run that was broken off before has to be taken up again.
        uploaded = st.session_state["photo"]
        st.session_state["done_upload"] = uploaded.file_id if uploaded is not None else None
    if kept is None:
        st.info("Upload a photo of a wall, taken straight on and well lit, or try the demo wall.")
    else:
        show_review(kept)


show()
