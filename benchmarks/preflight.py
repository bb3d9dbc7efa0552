"""Is the memory that is predicted for a photo what it takes? ``python -m benchmarks.preflight``

Photos of several sizes and kinds are made from the demo wall with a little noise, each is analysed
in a fresh process whose models have been warmed up, and the peak that was predicted from the header
(core/memory/photo_needs.py) is put beside the kernel's own high-water mark, which is set back
before the analysis. ``--second`` measures the second analysis in its process, which finds the
allocator as the first one left it. Exit code 0 when every prediction is within 25 % of the actual
peak, 1 otherwise. Linux only.

    python -m benchmarks.preflight --megapixels 0.5 2 12 24 --kinds jpeg progressive png webp heif
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.child import ROOT, ChildError, clean_environment
from benchmarks.machine import machine_facts

WITHIN = 0.25
MEGAPIXELS = (0.5, 2, 6, 12, 24, 48)
FOLDER = Path(tempfile.gettempdir()) / f"climbmate-benchmarks-{os.environ.get('USER', 'user')}"

CLEAR_REFS = Path("/proc/self/clear_refs")
"""Writing 5 sets VmHWM back to the present (proc_pid_clear_refs(5))."""

Save = Callable[[Image.Image, Path], None]


def _saver(format_: str, mode: str = "RGB", **options: object) -> Save:
    return lambda picture, path: picture.convert(mode).save(path, format_, **options)


def _save_deep(picture: Image.Image, path: Path) -> None:
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(path, "PNG", compress_level=1)


def _save_heif(picture: Image.Image, path: Path) -> None:
    import pillow_heif

    pillow_heif.from_pillow(picture).save(path, quality=60)


KINDS: dict[str, Save] = {
    "jpeg": _saver("JPEG", quality=85),
    "progressive": _saver("JPEG", quality=85, progressive=True),
    "progressive444": _saver("JPEG", quality=85, progressive=True, subsampling=0),
    "grey": _saver("JPEG", "L", quality=85),
    "cmyk": _saver("JPEG", "CMYK", quality=85),
    "png": _saver("PNG", compress_level=1),
    "png_rgba": _saver("PNG", "RGBA", compress_level=1),
    "png_palette": _saver("PNG", "P", compress_level=1),
    "png_deep": _save_deep,
    "webp": _saver("WEBP", quality=80, method=0),
    "webp_lossless": _saver("WEBP", lossless=True, quality=0, method=0),
    "heif": _save_heif,
    "avif": _saver("AVIF", quality=60, speed=10),
    "tiff": _saver("TIFF", compression="tiff_lzw"),
    "bmp": _saver("BMP"),
}


def demo_picture(megapixels: float, aspect: float = 4 / 3) -> Image.Image:
    """The demo wall at about that many million pixels, upright, with noise of 3 levels."""
    width = round((megapixels * 1e6 / aspect) ** 0.5)
    size = (width, round(width * aspect))
    with Image.open(ROOT / "assets" / "demo_wall.jpg") as wall:
        pixels = np.asarray(wall.convert("RGB").resize(size, Image.Resampling.BICUBIC)).copy()
    random = np.random.default_rng(1)
    for top in range(0, len(pixels), 256):
        rows = pixels[top : top + 256]
        noise = random.integers(-3, 4, rows.shape, dtype=np.int16)
        rows[...] = np.clip(rows.astype(np.int16) + noise, 0, 255)
    return Image.fromarray(pixels)


def make_photo(kind: str, megapixels: float, folder: Path = FOLDER) -> Path:
    """The path of such a photo, from the folder or made now (through a temporary name)."""
    path = folder / f"preflight-{kind}-{megapixels:g}"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        KINDS[kind](demo_picture(megapixels), part)
        part.replace(path)
    return path


def measure(path: Path, second: bool) -> dict[str, object]:
    """Analyse ``path`` in this process; what was predicted and what it took, in MiB."""
    from core.analysis import analyze, finish, load_models
    from core.memory.preflight import forecasts
    from core.memory.readings import peak_rss_mb
    from core.settings import load_settings

    settings = load_settings(max_photo_mb=200)
    models = load_models(settings)
    models.warm_up()
    data = path.read_bytes()
    for _ in range(1 + second):
        gc.collect()
        CLEAR_REFS.write_text("5")
        analysis = finish(analyze(data, models, settings, name=path.name))
        actual_mb = peak_rss_mb()
    plan = forecasts()[-1].plan
    return {
        "before": plan.room.rss_mb,
        "predicted": plan.predicted_peak_mb,
        "actual": actual_mb,
        "verdict": plan.verdict,
        "holds": len(analysis.holds),
    }


def _child(*arguments: str) -> Any:
    """What this module prints in a fresh process, which looks at its own peak."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.preflight", *arguments],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ChildError(f"{arguments} ended with {done.returncode}: {done.stderr[-600:]}")
    return json.loads(done.stdout)


def run_row(kind: str, megapixels: float, second: bool) -> tuple[str, float]:
    """One row of the table, and the error of the prediction (0.1 is 10 % too high)."""
    path = Path(_child("--make", kind, f"{megapixels:g}"))
    got = _child("--measure", str(path), *(["--second"] if second else []))
    rise, predicted = got["actual"] - got["before"], got["predicted"] - got["before"]
    error = got["predicted"] / got["actual"] - 1
    return (
        f"| {kind} | {megapixels:g} | {path.stat().st_size / 2**20:.1f} | {got['before']:.0f} "
        f"| {predicted:.0f} | {rise:.0f} | {got['predicted']:.0f} | {got['actual']:.0f} "
        f"| {error:+.1%} | {got['holds']} |"
    ), error


def main(argv: list[str] | None = None) -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megapixels", nargs="+", type=float, default=MEGAPIXELS)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=tuple(KINDS))
    parser.add_argument("--second", action="store_true", help="measure the second analysis")
    parser.add_argument("--measure", type=Path, metavar="PHOTO", help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, metavar=("KIND", "MP"), help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.second)))
        return 0
    if asked.make:
        print(json.dumps(str(make_photo(asked.make[0], float(asked.make[1])))))
        return 0
    facts = machine_facts()
    print(f"{facts['cpu']}, {facts['system']}, Python {facts['python']}; MiB\n")
    print(
        "| kind | MP | file | before | predicted rise | rise | predicted peak | peak | error "
        "| holds |"
    )
    print("| --- " * 10 + "|")
    worst = 0.0
    for megapixels in asked.megapixels:
        for kind in asked.kinds:
            text, error = run_row(kind, megapixels, asked.second)
            print(text, flush=True)
            worst = max(worst, abs(error))
    print(f"\nlargest error of a predicted peak: {worst:.1%} (at most {WITHIN:.0%} is asked for)")
    return 0 if worst <= WITHIN else 1


if __name__ == "__main__":
    sys.exit(main())
