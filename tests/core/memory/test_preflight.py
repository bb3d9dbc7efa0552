"""Pre-flight: what headers say against Pillow and arithmetic of its own, the verdicts on hand-fed
readings, predictions against real peaks, and a real limit under which nothing is killed."""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.cgroup import KILLED, GroupUnavailableError, MemoryGroup, Outcome
from benchmarks.child import ROOT, clean_environment
from benchmarks.preflight import FOLDER, WITHIN, make_photo, run_row
from core.analysis import analyze, finish
from core.errors import MemoryRefusedError, PhotoError, PhotoTooLargeError
from core.memory import preflight
from core.memory.photo_needs import (
    PhotoNeeds,
    cold_mb,
    decoding_mb,
    jpeg_coefficient_bytes,
    needed_mb,
    read_needs,
    working_mb,
)
from core.memory.preflight import Room, judge, prepare, room_for, room_now
from core.settings import load_settings
from tests.core.fakes import fake_models, found
from tests.core.photos import SETTINGS, smooth

MIB = 2**20
PLENTY = Room(200.0, 5000.0, 8000.0)


def encoded(format_: str, mode: str = "RGB", size: tuple[int, int] = (320, 240), **how: object):
    """A picture of soft colours in that format."""
    into = io.BytesIO()
    Image.fromarray(smooth(*size)).convert(mode).save(into, format_, **how)
    return into.getvalue()


def needs(data: bytes) -> PhotoNeeds:
    return read_needs(data, name="wall", settings=SETTINGS)


@pytest.fixture(autouse=True)
def no_forecasts() -> Iterator[None]:
    preflight.forget()
    yield
    preflight.forget()


# What a header says


@pytest.mark.parametrize(
    ("subsampling", "mode", "bytes_per_pixel"),
    [(0, "RGB", 6.0), (1, "RGB", 4.0), (2, "RGB", 3.0), (0, "L", 2.0), (0, "CMYK", 8.0)],
)
def test_a_progressive_jpeg_is_held_as_coefficients(
    subsampling: int, mode: str, bytes_per_pixel: float
) -> None:
    data = encoded("JPEG", mode, progressive=True, subsampling=subsampling)

    assert jpeg_coefficient_bytes(data) == 320 * 240 * bytes_per_pixel


def test_the_blocks_at_the_rim_are_whole_ones() -> None:
    data = encoded("JPEG", size=(321, 241), progressive=True, subsampling=2)

    assert jpeg_coefficient_bytes(data) == 21 * 16 * 16 * 16 * 3


def test_a_baseline_jpeg_is_not_nor_is_one_with_a_thumbnail_inside() -> None:
    thumbnail = encoded("JPEG", size=(64, 48), progressive=True)
    plain = encoded("JPEG", optimize=True)
    exif = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail

    assert jpeg_coefficient_bytes(plain) == 0
    assert jpeg_coefficient_bytes(plain[:2] + exif + plain[2:]) == 0


def test_components_one_after_the_other_need_coefficients_too() -> None:
    """As from ``jpegtran -scans``: a baseline frame of three components, a first scan of one."""
    frame = b"\x08" + struct.pack(">HH", 240, 320) + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    data = b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    data += b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\x00\x00\x3f\x00"

    assert jpeg_coefficient_bytes(data) == 320 * 240 * 3


@pytest.mark.parametrize("cut", [2, 3, 4, 20, 200])
def test_a_cut_jpeg_needs_nothing_yet(cut: int) -> None:
    assert jpeg_coefficient_bytes(encoded("JPEG", progressive=True)[:cut]) == 0


@pytest.mark.parametrize(
    ("format_", "mode", "image_bytes"),
    [
        ("JPEG", "RGB", 4), ("JPEG", "L", 1), ("JPEG", "CMYK", 4), ("PNG", "RGB", 4),
        ("PNG", "RGBA", 4), ("PNG", "P", 1), ("PNG", "L", 1), ("PNG", "I;16", 2),
        ("TIFF", "RGB", 4), ("TIFF", "F", 4), ("BMP", "RGB", 4), ("AVIF", "RGB", 4),
    ],
)  # fmt: skip
def test_a_pixel_takes_what_pillow_takes_for_it(
    format_: str, mode: str, image_bytes: float
) -> None:
    got = needs(encoded(format_, mode))

    assert (got.width, got.height, got.image_bytes) == (320, 240, image_bytes)


def test_a_tiff_of_one_strip_is_held_twice() -> None:
    strips = needs(encoded("TIFF", compression="tiff_lzw", strip_size=4096))
    one = needs(encoded("TIFF", compression="tiff_lzw", strip_size=10**9))
    plain = needs(encoded("TIFF"))

    assert one.whole_bytes == 320 * 240 * 3 + one.encoded_bytes
    assert strips.whole_bytes <= 4096 + strips.encoded_bytes
    assert plain.whole_bytes == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "photo_empty"),
        (b"hello", "photo_not_an_image"),
        (b"GIF89a" + bytes(40), "photo_unsupported"),
        (encoded("PNG", size=(20, 20)), "photo_too_small"),
        (encoded("PNG")[:20], "photo_truncated"),
    ],
)
def test_a_bad_header_is_the_same_error_as_everywhere(data: bytes, code: str) -> None:
    with pytest.raises(PhotoError) as caught:
        needs(data)

    assert caught.value.code == code


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "JPEG", "BMP"])
def test_the_pixel_limit_comes_first(format_: str) -> None:
    tight = load_settings(max_photo_pixels=2000)

    with pytest.raises(PhotoTooLargeError, match="320 x 240"):
        read_needs(encoded(format_), name="wall", settings=tight)


# The account


def phone(**other: object) -> PhotoNeeds:
    values: dict[str, object] = {
        "format": "JPEG", "width": 4000, "height": 3000, "encoded_bytes": 4 * MIB, "image_bytes": 4
    }  # fmt: skip
    return PhotoNeeds(**{**values, **other})  # type: ignore[arg-type]


def test_a_reduced_jpeg_is_its_reduced_picture_and_a_copy_without_padding() -> None:
    """4000 x 3000 is decoded at half: 2000 x 1500 pixels of 4 bytes, then of 3; 128 rows of 7."""
    expected = (2000 * 1500 * 7 + 128 * 2000 * 7) / MIB

    assert decoding_mb(phone(), 2048) == pytest.approx(expected + 4.0)


def test_coefficients_are_of_the_full_size_whatever_the_reduction() -> None:
    progressive = phone(whole_bytes=4000 * 3000 * 3)

    expected = (4000 * 3000 * 3 + 2000 * 1500 * 4) / MIB

    assert decoding_mb(progressive, 2048) == pytest.approx(expected + 4.0)


def test_a_png_is_decoded_whole() -> None:
    expected = (4000 * 3000 * 4 + 3000 * 2048 * 3 + 128 * 4000 * 7) / MIB

    assert decoding_mb(phone(format="PNG"), 2048) == pytest.approx(expected + 4.0)


@pytest.mark.parametrize("size", [640, 1024, 1600, 2048, 4096])
def test_smaller_never_needs_more(size: int) -> None:
    for photo in (phone(), phone(format="PNG"), phone(whole_bytes=36_000_000)):
        assert decoding_mb(photo, size) <= decoding_mb(photo, size * 2) + 1e-9


def test_larger_tiles_and_cold_models_need_more() -> None:
    large = load_settings(yolo_img_size=1280)

    warm = working_mb(phone(), SETTINGS, warm=True)

    assert working_mb(phone(), large, warm=True) > warm + 50
    assert working_mb(phone(), SETTINGS, warm=False) == pytest.approx(warm + cold_mb(SETTINGS))


# The verdict


def room(headroom_mb: float) -> Room:
    return Room(300.0, headroom_mb, 957.0)


def test_what_fits_runs() -> None:
    needed = needed_mb(phone(), SETTINGS, warm=True)

    plan = judge(phone(), SETTINGS, room(needed + SETTINGS.memory_reserve_mb), warm=True)

    assert (plan.verdict, plan.max_image_size) == ("run", SETTINGS.max_image_size)
    assert plan.predicted_peak_mb == pytest.approx(300.0 + needed)


def test_what_just_does_not_fit_runs_at_the_largest_size_that_does() -> None:
    large = phone(width=5600, height=4200)
    just_below = needed_mb(large, SETTINGS, warm=True) + SETTINGS.memory_reserve_mb - 0.1

    plan = judge(large, SETTINGS, room(just_below), warm=True)

    assert plan.verdict == "smaller"
    assert plan.max_image_size == 1600
    assert plan.needed_mb + plan.reserve_mb <= just_below
    assert preflight.ran_smaller((preflight.warning(plan, SETTINGS),))
    assert not preflight.ran_smaller(("No holds were found.",))


def test_what_fits_at_no_size_is_refused_with_the_need_of_the_asked_size() -> None:
    plan = judge(phone(format="PNG"), SETTINGS, room(60.0), warm=True)

    assert plan.verdict == "refuse"
    assert plan.needed_mb == needed_mb(phone(format="PNG"), SETTINGS, warm=True)


def test_a_long_photo_is_not_made_too_thin_to_read() -> None:
    long = phone(format="PNG", width=8000, height=200)

    for headroom_mb in range(20, 200):
        plan = judge(long, SETTINGS, room(headroom_mb), warm=True)
        assert plan.max_image_size * 200 / 8000 >= 32


def test_a_photo_is_never_refused_for_being_small() -> None:
    """A setting below the smaller sizes is kept as it is."""
    tiny = load_settings(max_image_size=320)

    assert judge(phone(), tiny, room(500.0), warm=True).max_image_size == 320


def test_a_refusal_tells_the_numbers_and_the_next_step() -> None:
    data = encoded("WEBP", size=(1600, 1200))

    with pytest.raises(MemoryRefusedError) as caught:
        prepare(data, name="wall.webp", settings=SETTINGS, warm=True, read=lambda: room(62.0))

    error = caught.value
    assert (error.status, error.code) == (503, "photo_would_not_fit")
    assert "wall.webp (1.9 million pixels, WebP)" in error.message
    assert "32 MiB" in error.message and "of 957 MiB only 62 are free" in error.message
    assert "JPEG" in error.hint
    assert error.retry_after_s > 0
    (forecast,) = preflight.forecasts()
    assert (forecast.plan.verdict, forecast.actual_peak_mb, forecast.error) == (
        "refuse",
        None,
        None,
    )


def test_before_it_is_strict_memory_is_given_back_and_looked_at_again() -> None:
    readings = iter([room(10.0), room(5000.0)])

    plan = prepare(
        encoded("PNG"), name="w", settings=SETTINGS, warm=True, read=lambda: next(readings)
    )

    assert plan.verdict == "run"
    assert next(readings, None) is None


# In the analysis


def test_an_analysis_is_refused_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preflight, "headroom_mb", lambda: 5.0)
    monkeypatch.setattr("core.analysis.open_photo", lambda *_, **__: pytest.fail("decoded"))

    with pytest.raises(MemoryRefusedError):
        next(analyze(encoded("JPEG"), fake_models(), SETTINGS))


def test_an_analysis_that_runs_smaller_says_so_and_keeps_full_size_coordinates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encoded("PNG", size=(3000, 2000))
    models = fake_models([found((10, 10, 60, 60))])
    models.warm_up()
    at_2048 = needed_mb(needs(data), SETTINGS, warm=True) + SETTINGS.memory_reserve_mb
    monkeypatch.setattr(preflight, "headroom_mb", lambda: at_2048 - 1)

    analysis = finish(analyze(data, models, SETTINGS))

    assert analysis.warnings[0].startswith(preflight.RUN_SMALLER)
    assert "1600 pixels" in analysis.warnings[0]
    assert models.detector.sizes == [(1600, 1067)]  # type: ignore[attr-defined]
    assert (analysis.photo.width, analysis.photo.height) == (3000, 2000)
    assert analysis.holds[0].box[2] == pytest.approx(50 * 3000 / 1600)


def test_what_was_predicted_is_kept_with_what_it_took() -> None:
    finish(analyze(encoded("JPEG"), fake_models(), SETTINGS, name="a.jpg"))

    (forecast,) = preflight.forecasts()
    assert forecast.name == "a.jpg"
    assert forecast.actual_peak_mb is not None
    assert forecast.error == pytest.approx(
        forecast.plan.predicted_peak_mb / forecast.actual_peak_mb - 1
    )


def test_the_kept_list_is_bounded() -> None:
    plan = judge(phone(), SETTINGS, PLENTY, warm=True)
    for number in range(preflight.KEPT + 5):
        preflight.remember(f"{number}.jpg", plan, 300.0)

    assert len(preflight.forecasts()) == preflight.KEPT
    assert preflight.forecasts()[0].name == "5.jpg"


# Room for more photos


@pytest.mark.parametrize(("spare_mb", "photos"), [(-1, 0), (0, 0), (7.9, 0), (8, 1), (25, 3)])
def test_each_waiting_photo_takes_its_upload_twice_and_one_analysis_runs(
    spare_mb: float, photos: int
) -> None:
    taken = needed_mb(phone(), SETTINGS, warm=True) + SETTINGS.memory_reserve_mb

    assert room_for(phone(), SETTINGS, room(taken + spare_mb + 1e-6)) == photos


def test_no_more_than_may_wait_and_the_largest_of_the_last_photos_counts() -> None:
    assert room_now(SETTINGS, lambda: PLENTY) == 1 + SETTINGS.queue_size
    webp = phone(format="WebP", width=8000, height=6000, beside_bytes=12.0)
    before = room_now(SETTINGS, lambda: room(500.0))
    preflight.remember("large", judge(webp, SETTINGS, room(500.0), warm=True), None)

    assert (before, room_now(SETTINGS, lambda: room(500.0))) == (1 + SETTINGS.queue_size, 0)


# Predictions against real peaks


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM can be set back on Linux alone")
@pytest.mark.parametrize(
    ("kind", "megapixels"),
    [
        ("jpeg", 0.5), ("jpeg", 24), ("progressive", 12), ("png", 6), ("png_deep", 12),
        ("webp", 12), ("heif", 2), ("avif", 6), ("tiff", 6),
    ],
)  # fmt: skip
def test_the_prediction_is_near_the_peak_it_then_takes(kind: str, megapixels: float) -> None:
    row, error = run_row(kind, megapixels, second=False)

    assert abs(error) < WITHIN, row


# A real limit

ANALYSE = """
import json, sys
from pathlib import Path
import numpy as np
from core.analysis import analyze, finish, load_models
from core.errors import MemoryRefusedError
from core.memory import preflight
from core.memory.readings import headroom_mb
from core.settings import load_settings

photo, left_mb, checked = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "checked"
settings = load_settings(memory_reserve_mb=12)
models = load_models(settings)
models.warm_up()
data = photo.read_bytes()
ballast = []
while left_mb and headroom_mb() > left_mb + 1:
    ballast.append(np.ones(2**20, np.uint8))
if not checked:
    preflight.headroom_mb = lambda: 10_000.0
try:
    print(json.dumps(finish(analyze(data, models, settings, name=photo.name)).warnings))
except MemoryRefusedError as error:
    print(json.dumps(error.code))
"""


def under(limit_mb: int, path: Path, left_mb: float = 0, how: str = "checked") -> Outcome:
    """The photo analysed under a real limit, of which ``left_mb`` are left (0: all there is)."""
    command = [sys.executable, "-c", ANALYSE, str(path), str(left_mb), how]
    try:
        with MemoryGroup(limit_mb) as group:
            return group.run(command, clean_environment(), ROOT)
    except GroupUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("limit_mb", [957, 400, 300])
@pytest.mark.parametrize(
    ("kind", "megapixels"), [("jpeg", 48), ("progressive", 48), ("webp", 48), ("heif", 2)]
)
def test_under_a_real_limit_no_photo_kills(kind: str, megapixels: float, limit_mb: int) -> None:
    outcome = under(limit_mb, make_photo(kind, megapixels, FOLDER))

    assert outcome.code == 0, outcome.errors
    told = json.loads(outcome.output)
    assert told == "photo_would_not_fit" or isinstance(told, list)
    if kind == "jpeg":
        assert told == []
    if kind == "webp" and limit_mb < 957:
        assert told == "photo_would_not_fit"


@pytest.mark.slow
def test_without_the_check_the_same_photo_kills() -> None:
    outcome = under(400, make_photo("webp", 48, FOLDER), how="unchecked")

    assert outcome.code == KILLED


@pytest.mark.slow
def test_where_it_just_does_not_fit_it_runs_smaller() -> None:
    """24 million pixels take about 41 MiB at 2048 pixels, and 27 at 1280."""
    outcome = under(400, make_photo("jpeg", 24, FOLDER), left_mb=46)

    assert outcome.code == 0, outcome.errors
    (told,) = json.loads(outcome.output)
    assert told.startswith(preflight.RUN_SMALLER)


def test_the_demo_picture_is_what_is_asked_for() -> None:
    from benchmarks.preflight import demo_picture

    picture = np.asarray(demo_picture(0.2))

    assert abs(picture.shape[0] * picture.shape[1] / 1e6 - 0.2) < 0.01
    assert picture.std() > 20
