"""Uploads: which files an uploader offers to take, and letting go of those that were taken.

Streamlit keeps what a session uploaded until another file takes its place or the session ends,
also when its uploader is gone from the page: 0.4 MiB more for every photo of a long day.
"""

from __future__ import annotations

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

PHOTO_ENDINGS = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "tif", "tiff", "bmp"]
"""Of the files that a browser offers to choose; what a photo is, its bytes say (core/photo.py)."""


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
