"""Command line that turns trained models into the folders that are served.

    python -m training.convert detector IN.pt OUT_DIR [--imgsz 640] [--name NAME]
    python -m training.convert colour --model NAME|CONFIG.json|FOLDER --pretrained TAG|FILE OUT_DIR
    python -m training.convert embedded [--detector best.pt] [--data DIR] [--judge FILE]
        [--colour FOLDER | --calibration FILE] [--statistics FILE]

Progress goes to stderr as ``progress 0.4 exporting the detector``, a failure as one line of JSON
behind ``failed``, so that a parent process can follow; the exit code is then 1. The work itself is
in :mod:`training.convert_detector` and :mod:`training.convert_colour`. ``embedded`` writes what
ships in ``weights/``; it needs at least one of its options.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from core.conversion import ROOT
from core.errors import ModelError
from core.judgement import JUDGE_FILE
from core.model_folder import written_whole
from core.settings import DEFAULT_PALETTE
from training.truth import data_root, training_photos

EMBEDDED = ROOT / "weights"


def report(share: float, what: str) -> None:
    """One progress line for the parent process; ``share`` is 0..1."""
    print(f"progress {share:.2f} {what}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.convert",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    detector = commands.add_parser("detector", help="an ultralytics segmentation checkpoint")
    detector.add_argument("source", type=Path)
    detector.add_argument("folder", type=Path)
    detector.add_argument("--imgsz", type=int, default=640)
    detector.add_argument("--name", default="")
    colour = commands.add_parser("colour", help="an open_clip model")
    colour.add_argument("folder", type=Path)
    colour.add_argument("--model", required=True)
    colour.add_argument("--pretrained", default="")
    colour.add_argument("--palette", default=",".join(DEFAULT_PALETTE))
    colour.add_argument("--name", default="")
    embedded = commands.add_parser("embedded", help="write the models that ship in weights/")
    embedded.add_argument("--detector", type=Path)
    embedded.add_argument(
        "--data", type=Path, default=data_root(), help="real photos, for the detector's eight bits"
    )
    embedded.add_argument("--judge", type=Path, help="judge.npz of the detector that ships")
    colours = embedded.add_mutually_exclusive_group()
    colours.add_argument("--colour", type=Path, help="folder with open_clip_config.json")
    colours.add_argument(
        "--calibration", type=Path, help="calibration.json for the colour model that ships"
    )
    embedded.add_argument("--statistics", type=Path, help="statistics.npz of a colour run")
    embedded.add_argument("--imgsz", type=int, default=640)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Carry out one command. Raises :class:`ModelError`."""
    if arguments.command == "detector":
        _detector(arguments.source, arguments.folder, arguments.imgsz, arguments.name, None)
    elif arguments.command == "colour":
        palette = [name.strip() for name in arguments.palette.split(",") if name.strip()]
        _colour(arguments.model, arguments.pretrained, arguments.folder, palette, arguments.name)
    else:
        if arguments.detector:
            folder, name = EMBEDDED / "detector", "climbmate-seg"
            _detector(arguments.detector, folder, arguments.imgsz, name, arguments.data)
        if arguments.judge:
            put_judge(arguments.judge, EMBEDDED / "detector")
        if arguments.colour:
            folder = EMBEDDED / "colour"
            _colour(str(arguments.colour), "", folder, DEFAULT_PALETTE, "climbmate-colour")
        if arguments.calibration:
            put_calibration(arguments.calibration, EMBEDDED / "colour")
        if arguments.statistics:
            with written_whole(EMBEDDED / "statistics") as fresh:
                shutil.copyfile(arguments.statistics, fresh / "statistics.npz")


def _detector(source: Path, folder: Path, side: int, name: str, photos: Path | None) -> None:
    from training.convert_detector import convert_detector

    convert_detector(source, folder, side, name, report, photos)


def put_judge(judge: Path, folder: Path) -> None:
    """Lay ``judge`` beside the detector in ``folder``, which is sealed anew."""
    with written_whole(folder) as fresh:
        for name in ("detector.onnx", "model.json"):
            shutil.copyfile(folder / name, fresh / name)
        shutil.copyfile(judge, fresh / JUDGE_FILE)


def put_calibration(calibration: Path, folder: Path) -> None:
    """Write ``calibration`` into the configuration of the colour model in ``folder``, which is
    sealed anew.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["calibration"] = json.loads(calibration.read_text(encoding="utf-8"))
    with written_whole(folder) as fresh:
        for path in folder.iterdir():
            shutil.copyfile(path, fresh / path.name)
        (fresh / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _colour(model: str, pretrained: str, folder: Path, palette: Sequence[str], name: str) -> None:
    from training.convert_colour import convert_colour

    convert_colour(model, pretrained, folder, palette, name, report)


def main(argv: list[str] | None = None) -> int:
    """Run the command line: 0, or 1 with a ``failed`` line on stderr."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "embedded":
        parts = ("detector", "judge", "colour", "calibration", "statistics")
        if not any(getattr(arguments, part) for part in parts):
            parser.error("embedded needs --" + ", --".join(parts[:-1]) + f" or --{parts[-1]}")
        if arguments.detector and not training_photos(arguments.data):
            parser.error(f"no training photos in {arguments.data}: name their folder by --data")
    try:
        run(arguments)
    except ModelError as error:
        print("failed " + json.dumps(error.document()["error"]), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
