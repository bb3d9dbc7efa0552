"""Which files of an uploader's value are still there."""

from __future__ import annotations

from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile, UploadedFileRec

from pages.uploads import present


def uploaded(name: str) -> UploadedFile:
    return UploadedFile(UploadedFileRec(name, name, "image/jpeg", b"x"), FileURLs())


def test_files_that_were_let_go_are_left_out() -> None:
    here = uploaded("a.jpg")

    assert present([here, DeletedFile("b")]) == [here]
    assert present(DeletedFile("b")) == []


def test_one_file_or_none_is_a_list_too() -> None:
    here = uploaded("a.jpg")

    assert present(here) == [here]
    assert present(None) == []
    assert present([]) == []
