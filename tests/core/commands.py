"""What the tests of the command line give it and get from it: a photo as a file, a document."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from core.wall import WallAnalysis


def make_photo(path: Path) -> Path:
    """``path``, with a JPEG of one bright colour in it."""
    out = io.BytesIO()
    Image.new("RGB", (320, 260), (220, 210, 200)).save(out, "JPEG")
    path.write_bytes(out.getvalue())
    return path


def document(text: str) -> WallAnalysis:
    """The analysis that ``text`` is the JSON document of."""
    return WallAnalysis.from_document(json.loads(text))
