"""A training run of the detector: what it leaves on disk, and that a stopped one continues."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.torchvision_shim import ensure_torchvision

ensure_torchvision()

from training import detector  # noqa: E402
from training.checked import Place  # noqa: E402
from training.checkpoint import load_ultralytics  # noqa: E402
from training.convert_detector import prepare  # noqa: E402
from training.detector import (  # noqa: E402
    VOLUME_WEIGHT,
    Run,
    bf16_pays,
    convolving_s,
    gather,
    main,
    parse_arguments,
    rate_at,
)
from training.truth import ellipse  # noqa: E402

SIDE = 64


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Two pictures with one hold on one volume each, and a budget of a second."""
    walls = tmp_path / "walls"
    for part in ("images", "labels"):
        (walls / part).mkdir(parents=True)
    for name in ("a", "b"):
        pixels = np.full((96, 96, 3), 70, np.uint8)
        cv2.rectangle(pixels, (20, 20), (80, 80), (90, 140, 180), -1)
        cv2.circle(pixels, (50, 50), 12, (0, 0, 220), -1)
        cv2.imwrite(str(walls / "images" / f"{name}.jpg"), pixels)
        rows = ["1 0.2 0.2 0.83 0.2 0.83 0.83 0.2 0.83", "0 0.4 0.4 0.64 0.4 0.64 0.64 0.4 0.64"]
        (walls / "labels" / f"{name}.txt").write_text("\n".join(rows))
    folders = ["--data", str(tmp_path), "--walls", str(walls), "--run", str(tmp_path / "run")]
    sizes = ["--side", str(SIDE), "--batch", "2", "--workers", "0"]
    return [*folders, *sizes, "--hours", "0.0003"]


@pytest.mark.parametrize("network", ["yolo11n-seg", "yolo26n-seg"])
def test_a_run_leaves_weights_that_ultralytics_reads_and_a_card(
    arguments: list[str], tmp_path: Path, network: str
) -> None:
    main([*arguments, "--model", network])

    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["pictures"] == {"boxes": 0, "polygons": 0, "walls": 2, "cuttings": 0}
    assert card["tiles"] == 2 * card["steps"] > 0
    assert str(tmp_path) not in json.dumps(card)  # a card is published: no path of a machine
    model = load_ultralytics(tmp_path / "run" / "best.pt")
    assert list(model.names.values()) == ["hold", "volume"]
    seen = prepare(model, tmp_path)(torch.zeros(1, 3, SIDE, SIDE))  # what becomes the ONNX graph
    assert seen[0].shape[:2] == (1, 4 + 2 + 32) and seen[1].shape[1] == 32


def test_the_truth_is_corrected_and_what_was_mistaken_is_cut_out(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    shutil.copytree(tmp_path / "walls", tmp_path / "train")  # pictures with polygons of their own
    box = np.array([0.1, 0.1, 0.3, 0.3], np.float32)
    places = [Place(what, box, ellipse(box)) for what in ("hold", "nothing", "nothing", "unclear")]
    monkeypatch.setattr(detector, "read_checked", lambda: {"a.jpg": places})

    for _ in range(2):  # the second time from what the first one kept
        groups, cuttings = gather(parse_arguments(arguments))

        boxed = groups[0][1]
        assert [len(truth.boxes) for truth in boxed] == [3, 2]
        np.testing.assert_array_equal(boxed[0].boxes[-1], box)
        assert len(cuttings) == 2


def test_a_stopped_run_continues_where_it_was(arguments: list[str]) -> None:
    first = Run(parse_arguments(arguments))
    first.go()
    hours = str(first.elapsed / 3600 + 0.0003)  # a step may take longer than the first budget
    second = Run(parse_arguments([*arguments, "--hours", hours]))

    assert second.step == first.step > 0 and second.elapsed == first.elapsed
    for name, value in first.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
    second.go()
    assert second.step > first.step


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("step,box\n50,1.5\n100,1.4\n150,1.3\n", "step,box\n50,1.5\n100,1.4\n"),
        ("step,box\n50,1.5\n10", "step,box\n50,1.5\n"),
        ("step,box\n", "step,box\n"),
        ("ste", ""),
        ("", ""),
    ],
)
def test_a_killed_run_forgets_the_rows_of_steps_that_it_makes_again(
    arguments: list[str], tmp_path: Path, written: str, kept: str
) -> None:
    first = Run(parse_arguments(arguments))
    first.step = 120
    first.save()
    log = tmp_path / "run" / "log.csv"
    log.write_text(written)

    again = Run(parse_arguments(arguments))

    assert log.read_text() == kept
    again.log({"box": 1.25})
    assert log.read_text().splitlines()[-1] == "120,0.0,1.25"
    assert log.read_text().startswith("step,")


def test_a_missed_volume_weighs_more_than_a_missed_hold(arguments: list[str]) -> None:
    run = Run(parse_arguments(arguments))

    assert run.criterion.class_weights.flatten().tolist() == [1.0, VOLUME_WEIGHT]
    assert "class_weights" not in vars(run.average.model)  # what ships does not carry it


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [rate_at(share, 1.0) for share in (0.0, 0.01, 0.02, 0.5, 1.0, 1.2)]

    assert rates[0] < rates[1] < rates[2] == pytest.approx(1.0)
    assert rates[2] > rates[3] > rates[4] == pytest.approx(0.02) == rates[5]


@pytest.mark.parametrize("quick", [True, False])
def test_bfloat16_is_taken_where_it_is_faster(quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "convolving_s", lambda _, bf16: 0.5 if bf16 == quick else 1.0)

    assert bf16_pays(torch.device("cpu")) is quick


def test_convolving_takes_time() -> None:
    for bf16 in (True, False):
        assert convolving_s(torch.device("cpu"), bf16=bf16) > 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--walls", "/nowhere"], "no walls in /nowhere"),
        (["--data", "/nowhere"], "there is no folder /nowhere"),
        (["--side", "100"], "multiple of 32"),
        (["--batch", "0"], "--batch of 1 or more"),
        (["--hours", "0"], "--hours above 0"),
        (["--hours", "nan"], "--hours above 0"),
    ],
)
def test_what_no_run_can_be_made_of_is_told_before_it_begins(
    arguments: list[str], asked: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *asked])

    assert ended.value.code == 2 and says in capsys.readouterr().err


def test_a_start_that_is_no_detector_is_told(arguments: list[str], tmp_path: Path) -> None:
    start = tmp_path / "start.pt"
    start.write_bytes(b"no checkpoint")

    with pytest.raises(SystemExit, match=f"--init {start} cannot be used"):
        main([*arguments, "--init", str(start)])
