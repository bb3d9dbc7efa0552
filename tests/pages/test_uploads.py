"""Which files of an uploader's value are still there."""

from __future__ import annotations

import pytest
from streamlit import config
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile, UploadedFileRec

from core.review_file import MAX_FILE_MB
from core.settings import load_settings
from pages.uploads import accept_uploads, present, uploader_limit


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


@pytest.mark.parametrize(("size_mb", "millions"), [(20.0, 21), (0.1, 1), (200.0, 210), (16.0, 17)])
def test_an_uploader_offers_at_least_what_may_be_opened(size_mb: float, millions: int) -> None:
    assert uploader_limit(size_mb) == millions
    assert millions * 10**6 >= size_mb * 2**20 > (millions - 1) * 10**6


@pytest.mark.parametrize("most_mb", [0.5, 20.0, 99.5])
@pytest.mark.usefixtures("clean_environment")
def test_the_server_receives_photos_and_reviews_with_the_form_around_them(most_mb: float) -> None:
    before = config.get_option("server.maxUploadSize")
    try:
        accept_uploads(load_settings(max_photo_mb=most_mb))
        received_mb = config.get_option("server.maxUploadSize")
    finally:
        config.set_option("server.maxUploadSize", before)

    assert max(most_mb, MAX_FILE_MB) + 1 <= received_mb <= max(most_mb, MAX_FILE_MB) + 2
