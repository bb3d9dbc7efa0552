"""Pre-flight: the verdicts on hand-fed readings, predictions against real peaks, and a real limit
under which nothing is killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cgroup import KILLED, GroupUnavailableError, MemoryGroup, Outcome
from benchmarks.child import ROOT, clean_environment
from benchmarks.preflight import FOLDER, WITHIN, make_photo, run_row
from core.analysis import analyze, finish
from core.errors import MemoryRefusedError
from core.memory import preflight
from core.memory.photo_needs import needed_mb
from core.memory.preflight import Room, judge, prepare, room_for, room_now
from core.settings import load_settings
from tests.core.fakes import fake_models, found
from tests.core.memory.needs import encoded, needs, phone
from tests.core.photos import SETTINGS

PLENTY = Room(200.0, 5000.0, 8000.0)


@pytest.fixture(autouse=True)
def no_forecasts() -> Iterator[None]:
    preflight.forget()
    yield
    preflight.forget()


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
