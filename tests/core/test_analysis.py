"""The road from bytes to an analysis, with fakes where the models do not matter and the embedded
models where they do.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.analysis import SHARES, Models, Step, analyze, finish, limit_holds, load_models
from core.errors import PhotoError
from core.settings import load_settings
from core.wall import WallAnalysis
from tests.core.fakes import FakeDetector, fake_models, found
from tests.core.make import make_colour

SETTINGS = load_settings()


def photo_bytes(
    width: int = 400, height: int = 300, shade: tuple[int, int, int] = (220, 210, 200)
) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), shade).save(out, "JPEG")
    return out.getvalue()


def column(count: int, x: float = 50.0) -> list[Any]:
    return [found((x, 20 + 40 * i, x + 30, 45 + 40 * i)) for i in range(count)]


def run(models: Models, data: bytes | None = None, **settings: object) -> WallAnalysis:
    return finish(analyze(data or photo_bytes(), models, load_settings(**settings), name="w.jpg"))


def samplers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "peak-sampler"]


def test_steps_come_in_order_and_the_analysis_last() -> None:
    items = list(analyze(photo_bytes(), fake_models(column(5)), SETTINGS))

    assert all(isinstance(item, Step) for item in items[:-1])
    assert isinstance(items[-1], WallAnalysis)
    steps = [item for item in items if isinstance(item, Step)]
    shares = [step.share for step in steps]
    assert shares[0] == 0.0 and shares[-1] == 1.0 and shares == sorted(shares)
    stages = list(dict.fromkeys(step.stage for step in steps))
    assert stages == list(SHARES) == ["decode", "detect", "masks", "colour", "problems"]
    for step in steps:
        begin, end = SHARES[step.stage]
        assert begin <= step.share <= end
    (with_photo,) = [step for step in steps if step.photo is not None]
    assert with_photo.stage == "decode" and with_photo.photo is not None
    assert with_photo.photo.pixels.shape == (300, 400, 3)


def test_shares_of_the_stages_join() -> None:
    bounds = list(SHARES.values())

    assert bounds[0][0] == 0.0 and bounds[-1][1] == 1.0
    assert [end for _, end in bounds[:-1]] == [begin for begin, _ in bounds[1:]]


@pytest.mark.parametrize("after", range(0, 12, 2))
def test_closing_stops_the_work_and_leaves_no_thread(after: int) -> None:
    steps = analyze(photo_bytes(), fake_models(column(5)), SETTINGS)
    for _ in range(after):
        next(steps)
    assert len(samplers()) == min(after, 1)

    steps.close()

    assert samplers() == []
    with pytest.raises(StopIteration):
        next(steps)


def test_an_error_leaves_no_thread() -> None:
    with pytest.raises(PhotoError):
        list(analyze(b"not a photo", fake_models(), SETTINGS))

    assert samplers() == []


def test_a_bad_photo_never_reaches_the_models() -> None:
    models = fake_models(column(3))

    with pytest.raises(PhotoError) as caught:
        run(models, b"\xff\xd8")

    assert caught.value.code == "photo_not_an_image" and models.detector.calls == 0


def test_a_dark_photo_is_brightened_for_the_models_and_says_so() -> None:
    bright, dark = (run(fake_models(column(2)), photo_bytes(shade=s)) for s in (
        (220, 210, 200), (110, 105, 100)
    ))  # fmt: skip

    assert bright.warnings == ()
    assert len(dark.warnings) == 1 and "dark" in dark.warnings[0]


def test_nothing_found_is_an_answer_with_a_warning() -> None:
    analysis = run(fake_models(warnings=("YOLO_WEIGHTS=x does not exist.",)))

    assert analysis.holds == () and analysis.problems == ()
    assert len(analysis.warnings) == 2
    assert analysis.warnings[0].startswith("YOLO_WEIGHTS")
    assert "No holds were found" in analysis.warnings[1]
    assert WallAnalysis.from_document(json.loads(json.dumps(analysis.document()))) is not None


def test_holds_are_numbered_as_one_reads() -> None:
    places = [(200, 100), (20, 100), (100, 10), (30, 200)]
    analysis = run(fake_models([found((x, y, x + 30, y + 30)) for x, y in places]))

    assert [hold.id for hold in analysis.holds] == [1, 2, 3, 4]
    assert [hold.box[:2] for hold in analysis.holds] == [
        (100, 10),
        (20, 100),
        (200, 100),
        (30, 200),
    ]
    assert analysis.warnings == ()


def test_results_are_in_pixels_of_the_full_photo() -> None:
    # 3000 x 1500 is looked at as 1000 x 500.
    models = fake_models([found((100, 50, 140, 80)), found((960, 470, 1000, 500))])

    analysis = run(models, photo_bytes(3000, 1500), max_image_size=1000)

    assert models.detector.sizes == [(1000, 500)]
    assert (analysis.photo.width, analysis.photo.height) == (3000, 1500)
    first, last = analysis.holds
    assert first.box == pytest.approx((300, 150, 120, 90))
    assert last.box == pytest.approx((2880, 1410, 120, 90))
    for hold, box in ((first, (300, 150, 420, 240)), (last, (2880, 1410, 3000, 1500))):
        xs, ys = np.array(hold.polygon).T
        assert (xs.min(), ys.min(), xs.max(), ys.max()) == pytest.approx(box, abs=1.0)
        # Shoelace; the polygon has 24 corners, so it lacks a hundredth of the ellipse.
        area = abs(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1))) / 2
        assert hold.area_px == pytest.approx(area, rel=1e-3)
        assert area == pytest.approx(np.pi * 60 * 45, rel=0.02)


def test_what_reaches_over_the_photo_is_clipped() -> None:
    analysis = run(fake_models([found((-20, -10, 30, 30)), found((390, 290, 460, 340))]))

    for hold in analysis.holds:
        x, y, width, height = hold.box
        assert x >= 0 and y >= 0 and x + width <= 400 and y + height <= 300
        assert all(0 <= px <= 400 and 0 <= py <= 300 for px, py in hold.polygon)


@pytest.mark.parametrize(("most", "dropped"), [(0, 0), (1, 5), (4, 2), (6, 0), (7, 0)])
def test_the_largest_holds_are_kept_and_the_rest_counted(most: int, dropped: int) -> None:
    sizes = [10, 60, 30, 50, 20, 40]
    detections = [found((i * 60, 20, i * 60 + size, 20 + size)) for i, size in enumerate(sizes)]

    analysis = run(fake_models(detections), max_holds=most)

    widths = [round(hold.box[2]) for hold in analysis.holds]
    assert sorted(widths, reverse=True) == sorted(sizes, reverse=True)[: 6 - dropped]
    assert [hold.id for hold in analysis.holds] == list(range(1, 7 - dropped))
    if dropped:
        assert len(analysis.warnings) == 1
        assert (
            str(dropped) in analysis.warnings[0] and f"MAX_HOLDS is {most}" in analysis.warnings[0]
        )
    else:
        assert analysis.warnings == ()


def test_the_warning_counts_in_words_that_fit() -> None:
    three = column(3)

    assert limit_holds(three, 2)[1][0].startswith("1 smaller hold was ")
    assert limit_holds(three, 1)[1][0].startswith("2 smaller holds were ")


def test_holds_of_one_colour_become_a_problem() -> None:
    analysis = run(fake_models(column(6), make_colour("green")))

    (problem,) = analysis.problems
    assert problem.colour == "green" and problem.holds == tuple(range(1, 7))
    assert {hold.problem for hold in analysis.holds} == {problem.id}


def test_timings_and_memory_are_filled() -> None:
    analysis = run(fake_models(column(5)))

    spent = analysis.timings_ms
    stages = [spent.decode, spent.detect, spent.masks, spent.colour, spent.problems]
    # What is left is the end of the memory sampler's thread.
    assert min(stages) > 0 and 0 <= spent.total - sum(stages) < 500
    memory = analysis.memory_mb
    assert 10 < memory.before <= memory.peak and memory.after <= memory.peak
    assert analysis.models.detector == "fake-detector@000000000000"
    assert analysis.models.colour == "fake-colour@000000000000"


def test_finish_tells_every_step() -> None:
    heard: list[Step] = []

    finish(analyze(photo_bytes(), fake_models(column(2)), SETTINGS), heard.append)

    assert heard[0] == Step("decode", 0.0) and heard[-1].share == 1.0


def test_a_road_without_an_end_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="without a result"):
        finish(iter([Step("decode", 0.0)]))


def test_a_detector_that_fails_is_not_hidden() -> None:
    class Failing(FakeDetector):
        def detect(self, _pixels: Any) -> Any:
            yield 0.5
            raise RuntimeError("out of order")

    models = fake_models()
    broken: Any = Failing()

    with pytest.raises(RuntimeError, match="out of order"):
        list(analyze(photo_bytes(), Models(broken, models.colours), SETTINGS))
    assert samplers() == []


PROBE = """
import json, sys
from pathlib import Path
from core.analysis import analyze, finish, load_models
from core.settings import load_settings

settings = load_settings()
models = load_models(settings)
models.warm_up()
data = Path(sys.argv[1]).read_bytes()
documents = [finish(analyze(data, models, settings, name="demo")).document() for _ in range(2)]
print(json.dumps({"documents": documents, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def probe(repository: Path) -> dict[str, Any]:
    """Two analyses of the demo wall in a fresh process, with its modules at the end."""
    command = [sys.executable, "-c", PROBE, str(repository / "assets" / "demo_wall.jpg")]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    "name",
    ["torch", "torchvision", "ultralytics", "open_clip", "streamlit", "pandas", "onnx", "numpy.ma"],
)
def test_nothing_heavy_is_imported_for_an_analysis(probe: dict[str, Any], name: str) -> None:
    assert name not in probe["modules"]


def test_the_embedded_models_read_the_demo_wall(probe: dict[str, Any]) -> None:
    analysis = WallAnalysis.from_document(probe["documents"][0])

    assert len(analysis.holds) > 30 and len(analysis.problems) >= 2
    assert len({hold.colour.name for hold in analysis.holds}) >= 3
    assert analysis.models.detector.startswith("climbmate-")
    assert analysis.warnings == ()


def test_the_same_photo_gives_the_same_answer(probe: dict[str, Any]) -> None:
    first, second = (
        {k: v for k, v in document.items() if k not in ("timings_ms", "memory_mb")}
        for document in probe["documents"]
    )

    assert first == second


@pytest.mark.usefixtures("clean_environment")
def test_the_embedded_models_load_without_warnings() -> None:
    models = load_models(load_settings(omp_num_threads=1))

    assert models.warnings == ()


@pytest.mark.usefixtures("clean_environment")
def test_a_replacement_that_is_missing_is_told(tmp_path: Path) -> None:
    settings = load_settings(yolo_weights=str(tmp_path / "none.pt"))

    models = load_models(settings)
    analysis = finish(analyze(photo_bytes(), models, settings))

    assert "YOLO_WEIGHTS" in analysis.warnings[0]
    assert "embedded detector keeps serving" in analysis.warnings[0]
