"""Models are opened beside the caller: the same sessions, and errors where they are asked for."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from core import opening, weights
from core.errors import ModelError
from core.model_folder import seal
from core.opening import Opening
from core.settings import load_settings

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the embedded models, free to be damaged."""
    copy = shutil.copytree(weights.EMBEDDED, tmp_path / "weights")
    monkeypatch.setattr(weights, "EMBEDDED", copy)
    return Path(copy)


def test_both_sessions_are_those_of_the_files() -> None:
    begun = Opening(load_settings(yolo_img_size=320, omp_num_threads=1))

    assert begun.detector_session().get_inputs()[0].shape == [1, 3, 320, 320]
    (embedding,) = begun.image_tower().get_outputs()
    assert embedding.name == "embedding"
    assert begun.statistics.is_file() and begun.warnings == ()
    assert begun.detector.folder.name == "detector" and begun.colour.folder.name == "colour"


def test_the_caller_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN models that open only when the caller has got on
    gone_on = threading.Event()
    monkeypatch.setattr(opening, "open_session", lambda *_: gone_on.wait(20))
    # WHEN they are being opened
    begun = Opening(load_settings())
    # THEN the caller is free before they are open
    gone_on.set()
    assert begun.detector_session() and begun.image_tower()


def test_an_unreadable_model_is_told_when_it_is_asked_for(embedded: Path) -> None:
    (embedded / "detector" / "detector.onnx").write_bytes(b"not a model, but what was sealed")
    seal(embedded / "detector")

    begun = Opening(load_settings())

    with pytest.raises(ModelError) as raised:
        begun.detector_session()
    assert raised.value.code == "weights_damaged"
    assert begun.image_tower().get_inputs()


def test_a_damaged_file_is_told_at_once_and_leaves_no_thread(embedded: Path) -> None:
    (embedded / "colour" / "image.onnx").write_bytes(b"damaged")

    with pytest.raises(ModelError, match="differs from its checksum"):
        Opening(load_settings())

    for thread in threading.enumerate():
        if thread.name.startswith("open-models"):
            thread.join(10)
            assert not thread.is_alive()
