"""Uploads: which files an uploader offers to take, how large they may be, and letting go of those
that were taken.

Streamlit keeps what a session uploaded until another file takes its place or the session ends,
also when its uploader is gone from the page: 0.4 MiB more for every photo of a long day.
"""

from __future__ import annotations

from math import ceil

from streamlit import config
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.review_file import MAX_FILE_MB
from core.settings import Settings

PHOTO_ENDINGS = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "tif", "tiff", "bmp"]
"""Of the files that a browser offers to choose; what a photo is, its bytes say (core/photo.py)."""

FORM_MB = 1
"""For what a browser sends around a file, which Streamlit counts too."""


def uploader_limit(size_mb: float) -> int:
    """``size_mb`` in the whole million bytes that an uploader counts in, rounded up: what lies
    between is judged where the file is opened."""
    return ceil(size_mb * 2**20 / 1e6)


def accept_uploads(settings: Settings) -> None:
    """Have this process's Streamlit receive photos and saved reviews as large as may be opened: an
    uploader's own limit is one of the browser alone. The server counts in MiB."""
    largest_mb = max(settings.max_photo_mb, MAX_FILE_MB)
    config.set_option("server.maxUploadSize", ceil(largest_mb) + FORM_MB)


def ends_as_photo(name: str) -> bool:
    """Whether an uploader of photos takes a file of that name."""
    return name.lower().endswith(tuple(f".{ending}" for ending in PHOTO_ENDINGS))


def present(given: object) -> list[UploadedFile]:
    """The files in an uploader's value that are still there: one that was let go comes once more,
    without its bytes, when the page is clicked on before its uploader was taken away."""
    files = given if isinstance(given, list) else [given]
    return [file for file in files if isinstance(file, UploadedFile)]


def let_go(file: UploadedFile) -> None:
    """Drop the server's copy of ``file``, whose bytes the caller has; its uploader must not be
    shown again with it."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
