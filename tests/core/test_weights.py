"""Which model serves: embedded, converted, cached, damaged, missing. PyTorch stays in the child."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import conversion, weights
from core.conversion import Progress
from core.errors import ModelError
from core.model_folder import CHECKSUMS, damage, seal, written_whole
from core.sessions import open_session
from core.settings import Settings, load_settings
from tests.tiny_models import clip_folder, save_checkpoint, segmentation_network


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(segmentation_network(), tmp_path_factory.mktemp("yolo") / "best.pt")


@pytest.fixture(scope="module")
def converted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in which ``checkpoint`` has been converted by a real child process."""
    cache = tmp_path_factory.mktemp("cache")
    seen: list[tuple[float, str]] = []
    settings = load_settings(yolo_weights=str(checkpoint), cache_dir=cache)
    weights.resolve_detector(settings, lambda share, what: seen.append((share, what)))
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert seen[-1] == (1.0, "done")
    assert any("exporting" in what for _, what in seen)
    return cache


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for the embedded models: sealed folders whose ONNX files are never opened here."""
    root = tmp_path / "weights"
    for kind, card in (("detector", "model.json"), ("colour", "config.json")):
        folder = root / kind
        folder.mkdir(parents=True)
        facts = {"name": f"embedded-{kind}", "imgsz": 640, "free_side": True}
        (folder / card).write_text(json.dumps(facts))
        (folder / "x.onnx").write_bytes(b"weights")
        seal(folder)
    monkeypatch.setattr(weights, "EMBEDDED", root)
    return root


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a child process was started")

    monkeypatch.setattr(weights, "convert_in_child", refuse)


@pytest.fixture
def quick_child(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A conversion that writes a tiny folder at once; the list holds every call's arguments."""
    calls: list[list[str]] = []

    def convert(arguments: Sequence[str], setting: str, progress: Progress | None = None) -> None:
        del setting, progress
        calls.append(list(arguments))
        folder = Path(arguments[2] if arguments[0] == "detector" else arguments[-1])
        with written_whole(folder) as fresh:
            facts = json.dumps({"name": "made", "imgsz": 640, "free_side": True})
            (fresh / "model.json").write_text(facts)
            (fresh / "config.json").write_text(facts)

    monkeypatch.setattr(weights, "convert_in_child", convert)
    return calls


def _settings(tmp_path: Path, **values: object) -> Settings:
    return load_settings(cache_dir=tmp_path / "cache", **values)


@pytest.mark.usefixtures("no_child")
def test_embedded_models_serve_by_default(embedded: Path, tmp_path: Path) -> None:
    detector, colour, told = weights.resolve_or_embedded(_settings(tmp_path, yolo_img_size=512))
    assert detector.folder == embedded / "detector"
    assert (detector.name, detector.side) == ("embedded-detector", 512)
    assert (colour.name, colour.side) == ("embedded-colour", 0)
    assert len(detector.digest) == 12
    assert int(detector.digest, 16) >= 0
    assert told == []


@pytest.mark.usefixtures("no_child")
def test_child_converts_and_the_cache_answers_next(checkpoint: Path, converted: Path) -> None:
    settings = load_settings(yolo_weights=str(checkpoint), cache_dir=converted, yolo_img_size=320)
    files = weights.resolve_detector(settings)
    assert (files.name, files.side) == ("best", 320)
    assert damage(files.folder) == ""
    session = open_session(files.folder / "detector.onnx", 1, files.side)
    assert session.get_inputs()[0].shape == [1, 3, 320, 320]


@pytest.mark.usefixtures("no_child")
def test_moved_file_is_recognised_by_content(
    checkpoint: Path, converted: Path, tmp_path: Path
) -> None:
    copy = tmp_path / checkpoint.name
    copy.write_bytes(checkpoint.read_bytes())
    settings = load_settings(yolo_weights=str(copy), cache_dir=converted)
    assert weights.resolve_detector(settings).name == "best"


def test_torch_never_enters_this_process(
    checkpoint: Path, converted: Path, repository: Path
) -> None:
    code = (
        "import sys; from core.settings import load_settings; from core import sessions, weights;"
        f"s = load_settings(yolo_weights={str(checkpoint)!r}, cache_dir={str(converted)!r});"
        "f = weights.resolve_detector(s);"
        "sessions.open_session(f.folder / 'detector.onnx', 1, 64);"
        "sys.exit(bool({'torch', 'ultralytics', 'open_clip', 'onnx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0


def test_childs_refusal_arrives_whole(embedded: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pt"
    garbage.write_bytes(b"not a checkpoint at all")
    settings = _settings(tmp_path, yolo_weights=str(garbage))
    detector, _, told = weights.resolve_or_embedded(settings)
    assert detector.folder == embedded / "detector"
    assert len(told) == 1
    assert f"YOLO_WEIGHTS={garbage}" in told[0]
    assert "segmentation" in told[0]
    assert told[0].endswith("The embedded detector keeps serving.")
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_clip_is_converted_by_a_child(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "gym-clip")
    settings = _settings(tmp_path, clip_model=str(folder))
    files = weights.resolve_colour(settings)
    assert files.name == "gym-clip"
    tower = weights.open_text_tower(files, 1)
    rows = tower.run(["embedding"], {"tokens": np.ones((2, 20), np.int64)})[0]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    (files.folder / "text.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="text tower") as caught:
        weights.open_text_tower(files, 1)
    assert caught.value.code == "weights_damaged"


@pytest.mark.parametrize(
    ("values", "code", "says"),
    [
        ({"yolo_weights": "/nowhere/best.pt"}, "weights_missing", "YOLO_WEIGHTS=/nowhere/best.pt"),
        ({"yolo_weights": "{tmp}"}, "weights_missing", "is a folder"),
        ({"yolo_weights": "{tmp}/notes.txt"}, "weights_wrong_kind", "YOLO_WEIGHTS="),
        ({"yolo_weights": "{tmp}/noise.onnx"}, "weights_wrong_kind", "ONNX Runtime"),
        ({"clip_pretrained": "openai"}, "weights_missing", "CLIP_MODEL is empty"),
    ],
    ids=["missing", "folder", "suffix", "onnx-noise", "tag-alone"],
)
@pytest.mark.usefixtures("no_child")
@pytest.mark.usefixtures("embedded")
def test_settings_that_cannot_be_used(
    values: dict[str, str], code: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    filled = {key: value.format(tmp=tmp_path) for key, value in values.items()}
    settings = _settings(tmp_path, **filled)
    resolve = weights.resolve_colour if "clip_pretrained" in values else weights.resolve_detector
    with pytest.raises(ModelError) as caught:
        resolve(settings)
    assert caught.value.code == code
    assert says in caught.value.message
    assert caught.value.hint
    _, _, told = weights.resolve_or_embedded(settings)
    assert len(told) == 1
    assert says in told[0]


@pytest.mark.usefixtures("no_child")
@pytest.mark.parametrize("place", ["~nobody-of-this-name/best.pt", f"/tmp/{'x' * 300}.pt"])
def test_a_place_that_cannot_be_is_told_and_the_embedded_model_serves(
    embedded: Path, tmp_path: Path, place: str
) -> None:
    settings = load_settings(yolo_weights=place, cache_dir=tmp_path)

    detector, _, told = weights.resolve_or_embedded(settings)

    assert detector.folder == embedded / "detector"
    assert len(told) == 1 and told[0].startswith(f"YOLO_WEIGHTS={place} does not exist.")


@pytest.mark.usefixtures("no_child")
@pytest.mark.parametrize("variable", ["YOLO_WEIGHTS", "CLIP_PRETRAINED"])
def test_a_file_that_cannot_be_read_is_told_and_the_embedded_model_serves(
    embedded: Path, tmp_path: Path, variable: str
) -> None:
    unreadable = tmp_path / "best.pt"
    unreadable.symlink_to("/proc/self/mem")  # for every user: nothing is at its beginning
    chosen = {"YOLO_WEIGHTS": {"yolo_weights": str(unreadable)}}
    chosen["CLIP_PRETRAINED"] = {"clip_model": "ViT-B-32", "clip_pretrained": str(unreadable)}
    settings = load_settings(**chosen[variable], cache_dir=tmp_path / "cache")

    detector, colour, told = weights.resolve_or_embedded(settings)

    assert (detector.folder, colour.folder) == (embedded / "detector", embedded / "colour")
    assert f"{variable}={unreadable} cannot be read: Input/output error." in told[0]


def test_a_link_into_a_store_of_files_keeps_its_own_name(
    embedded: Path, tmp_path: Path, quick_child: list[list[str]]
) -> None:
    del embedded
    stored = tmp_path / "blobs" / "0f3e9d"  # as hubs keep what they downloaded
    stored.parent.mkdir()
    stored.write_bytes(b"weights")
    detector, clip = tmp_path / "best.pt", tmp_path / "clip.safetensors"
    for link in (detector, clip):
        link.symlink_to(stored)
    settings = load_settings(
        yolo_weights=str(detector),
        clip_model="ViT-B-32",
        clip_pretrained=str(clip),
        cache_dir=tmp_path / "cache",
    )

    weights.resolve_detector(settings)
    weights.resolve_colour(settings)

    assert [str(detector) in call for call in quick_child] == [True, False]
    assert [str(clip) in call for call in quick_child] == [False, True]
    assert quick_child[0][-1] == "best"


def test_damaged_cache_is_made_again_once(tmp_path: Path, quick_child: list[list[str]]) -> None:
    source = tmp_path / "best.pt"
    source.write_bytes(b"x")
    settings = _settings(tmp_path, yolo_weights=str(source))
    first = weights.resolve_detector(settings)
    (first.folder / "model.json").write_text('{"name": "tampered"}')
    again = weights.resolve_detector(settings)
    assert (again.name, again.digest) == (first.name, first.digest)
    assert len(quick_child) == 2
    weights.resolve_detector(settings)
    assert len(quick_child) == 2


def test_conversion_that_stays_damaged_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "convert_in_child", lambda *_: None)
    source = tmp_path / "best.pt"
    source.write_bytes(b"x")
    with pytest.raises(ModelError, match="YOLO_WEIGHTS=") as caught:
        weights.resolve_detector(_settings(tmp_path, yolo_weights=str(source)))
    assert caught.value.code == "weights_damaged"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda folder: (folder / "x.onnx").write_bytes(b"other"), "weights_damaged"),
        (lambda folder: (folder / "x.onnx").unlink(), "weights_damaged"),
        (lambda folder: (folder / CHECKSUMS).unlink(), "weights_damaged"),
        (lambda folder: (folder / CHECKSUMS).write_text("{"), "weights_damaged"),
        (lambda folder: (folder / CHECKSUMS).write_text("{}"), "weights_damaged"),
        (lambda folder: folder.rename(folder.with_name("gone")), "weights_missing"),
    ],
    ids=["changed", "file-missing", "no-checksums", "broken-checksums", "empty", "no-folder"],
)
def test_damaged_embedded_folder_is_refused(
    change: object, code: str, embedded: Path, tmp_path: Path
) -> None:
    assert callable(change)
    change(embedded / "detector")
    with pytest.raises(ModelError) as caught:
        weights.resolve_or_embedded(_settings(tmp_path))
    assert caught.value.code == code


def test_cache_key_follows_everything_that_matters(
    tmp_path: Path, quick_child: list[list[str]]
) -> None:
    checkpoint = tmp_path / "clip.pt"
    checkpoint.write_bytes(b"1")
    choices = [("ViT-B-32", "openai"), ("ViT-B-16", "openai"), ("ViT-B-32", str(checkpoint))]
    folders = [
        weights.resolve_colour(_settings(tmp_path, clip_model=m, clip_pretrained=p)).folder
        for m, p in choices
    ]
    checkpoint.write_bytes(b"2")
    model, file = choices[2]
    folders.append(
        weights.resolve_colour(_settings(tmp_path, clip_model=model, clip_pretrained=file)).folder
    )
    assert len(set(folders)) == len(quick_child) == 4


@pytest.mark.usefixtures("embedded")
def test_serving_install_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = conversion.importlib.util.find_spec
    monkeypatch.setattr(
        conversion.importlib.util, "find_spec", lambda n: None if n == "torch" else real(n)
    )
    source = tmp_path / "best.pt"
    source.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"YOLO_WEIGHTS=.*torch") as caught:
        weights.resolve_detector(_settings(tmp_path, yolo_weights=str(source)))
    assert caught.value.code == "weights_need_torch"
    colour = _settings(tmp_path, clip_model="ViT-B-32", clip_pretrained="openai")
    _, _, told = weights.resolve_or_embedded(colour)
    assert "CLIP_MODEL=ViT-B-32" in told[0]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("kill -9 $$", "want of memory"),
        ("echo 'Segmentation trouble' >&2; exit 3", "Segmentation trouble"),
        ("exit 4", "exit code 4"),
        ("echo 'failed to open a file' >&2; exit 3", "failed to open a file"),
        ("echo 'failed {no document' >&2; exit 3", "no document"),
        ("echo 'progress bars are off' >&2; exit 3", "progress bars are off"),
    ],
)
def test_child_that_dies_is_explained(
    script: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(conversion.sys, "executable", str(fake))
    with pytest.raises(ModelError, match=says) as caught:
        conversion.convert_in_child(["detector"], "YOLO_WEIGHTS=x.pt")
    assert caught.value.code == "weights_conversion_failed"
    assert "YOLO_WEIGHTS=x.pt" in caught.value.message


def test_unwritable_cache_names_the_variable(tmp_path: Path, quick_child: list[list[str]]) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    source = tmp_path / "best.pt"
    source.write_bytes(b"x")
    with pytest.raises(ModelError) as caught:
        weights.resolve_detector(_settings(tmp_path, yolo_weights=str(source)))
    assert "CLIMBMATE_CACHE_DIR" in caught.value.hint
    assert quick_child == []


def _export(path: Path, model: Any, side: int) -> Path:
    """What ``yolo export`` does, in short: the network in export mode, traced at one size."""
    import torch

    head = model.model[-1]
    head.export, head.format = True, "onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 3, side, side),),
            str(path),
            input_names=["images"],
            output_names=["output0", "output1"],
            opset_version=17,
            dynamo=False,
        )
    return path


@pytest.mark.usefixtures("no_child")
def test_exported_onnx_is_taken_with_its_own_side(tmp_path: Path) -> None:
    import onnx

    source = _export(tmp_path / "own.onnx", segmentation_network(), 96)
    model = onnx.load(source)
    onnx.helper.set_model_props(model, {"names": "{0: 'volume', 1: 'hold'}"})
    onnx.save(model, source)
    files = weights.resolve_detector(_settings(tmp_path, yolo_weights=str(source)))
    assert (files.name, files.side) == ("own", 96)
    card = json.loads((files.folder / "model.json").read_text())
    assert card["names"] == ["volume", "hold"]
    assert card["outputs"] == ["output0", "output1"]
    session = open_session(files.folder / "detector.onnx", 1, files.side)
    predictions, prototypes = session.run(None, {"images": np.zeros((1, 3, 96, 96), np.float32)})
    assert predictions.shape == (1, 38, 12 * 12 + 6 * 6 + 3 * 3)
    assert prototypes.shape == (1, 32, 24, 24)
