"""Formats are recognised by their first bytes; other kinds of files are called by their names."""

from __future__ import annotations

import io
import tracemalloc
from functools import partial

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.errors import PhotoError
from core.memory.photo_needs import read_needs
from core.photo_formats import MAX_PNG_TEXT_BYTES, READERS, open_reader, recognise, webp_size
from core.settings import load_settings
from tests.core.bad_photos import encode, good, picture
from tests.core.photos import exif


@pytest.mark.parametrize("format_", READERS)
def test_every_format_that_can_be_read_is_recognised_and_opened(format_: str) -> None:
    data = good(format_.upper())
    assert recognise(data, "wall.txt") == format_
    with open_reader(format_, data) as image:
        assert image.size == (64, 48)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"GIF89a", "a GIF"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\xff\x0a\xfa\x7f", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "an SVG drawing"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video or another media file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_kinds_of_files_are_called_by_their_names(data: bytes, words: str) -> None:
    with pytest.raises(PhotoError, match=rf"wall\.jpg is {words}, which is not read") as caught:
        recognise(data, "wall.jpg")
    assert caught.value.code == "photo_unsupported"


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"BM and nothing else", b"wall.jpg"])
def test_anything_else_is_not_a_picture(data: bytes) -> None:
    with pytest.raises(PhotoError) as caught:
        recognise(data, "wall.jpg")
    assert caught.value.code == "photo_not_an_image"


@pytest.mark.parametrize(
    ("chunk", "mode", "options"),
    [
        (b"VP8 ", "RGB", {}),
        (b"VP8L", "RGB", {"lossless": True}),
        (b"VP8X", "RGBA", {"exif": exif(1)}),
    ],
    ids=["lossy", "lossless", "extended"],
)
def test_the_size_of_a_webp_is_read_without_its_reader(
    chunk: bytes, mode: str, options: dict[str, object]
) -> None:
    data = encode(picture(301, 77).convert(mode), "WEBP", **options)
    assert data[12:16] == chunk
    assert webp_size(data) == (301, 77)
    assert webp_size(data[:22]) == (1, 1)


def test_a_damaged_tiff_writes_nothing_to_the_log_by_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    # libtiff would tell of every line: a small file could ask for a million of them.
    noise = np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)
    data = bytearray(encode(Image.fromarray(noise).convert("1"), "TIFF", compression="group4"))
    for place in range(200, 4000, 97):
        data[place] ^= 0xFF

    with open_reader("TIFF", bytes(data)) as image:
        image.load()  # fax lines are repaired by guessing, and nothing is raised

    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(("texts", "read"), [(5, True), (60, False)])
def test_the_texts_of_a_png_are_bounded_before_it_is_decoded(texts: int, read: bool) -> None:
    told = PngInfo()
    for number in range(texts):  # packed, each takes a kilobyte
        told.add_text(f"text {number}", "A" * 2**20, zip=True)
    out = io.BytesIO()
    picture(64, 48).save(out, "PNG", pnginfo=told)
    needs = partial(read_needs, out.getvalue(), name="wall.png", settings=load_settings())

    tracemalloc.start()
    try:
        if read:
            assert (needs().width, needs().height) == (64, 48)
        else:
            with pytest.raises(PhotoError) as caught:
                needs()
            assert caught.value.code == "photo_damaged"
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < MAX_PNG_TEXT_BYTES + 4 * 2**20
