"""Uploads that were taken are let go.

Streamlit keeps what a session uploaded until another file takes its place or the session ends,
also when its uploader is gone from the page: 0.4 MiB more for every photo of a long day.
"""

from __future__ import annotations

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile


def let_go(file: UploadedFile) -> None:
    """Drop the server's copy of ``file``, whose bytes the caller has; its uploader must not be
    shown again with it."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
