"""Reads a PDF back without the library that wrote it: pages, printed text, pictures.

Only what the sheets use: uncompressed objects, Flate streams, fonts with a ToUnicode map (ISO
32000-1, 7.3, 7.8 and 9.10).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True)
class Printed:
    """One page: its size in points, and each text with the point where it starts."""

    width: float
    height: float
    texts: tuple[tuple[str, float, float], ...]

    @property
    def words(self) -> str:
        return "\n".join(text for text, _, _ in self.texts)


def read_pdf(data: bytes) -> tuple[list[Printed], list[bytes]]:
    """The pages and the JPEG files of a PDF."""
    objects = {
        int(found[1]): found[2] for found in re.finditer(rb"(?s)(\d+) 0 obj(.*?)endobj", data)
    }
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert box
    pages = []
    for body in objects.values():
        if b"/Type /Page\n" in body or re.search(rb"/Type /Page\s*>>", body):
            contents = objects[_reference(body, b"Contents")]
            fonts = _fonts(objects[_reference(body, b"Resources")], objects)
            texts = tuple(_texts(_stream(contents), fonts))
            pages.append(Printed(float(box[1]), float(box[2]), texts))
    pictures = [_stream(body) for body in objects.values() if b"/DCTDecode" in body]
    return pages, pictures


def _reference(body: bytes, key: bytes) -> int:
    found = re.search(rb"/" + key + rb" (\d+) 0 R", body)
    assert found, key
    return int(found[1])


def _stream(body: bytes) -> bytes:
    head, _, rest = body.partition(b"stream\n")
    length = re.search(rb"/Length (\d+)", head)
    assert length
    raw = rest[: int(length[1])]
    return zlib.decompress(raw) if b"/FlateDecode" in head else raw


def _fonts(resources: bytes, objects: dict[int, bytes]) -> dict[bytes, dict[int, str]]:
    maps = {}
    for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", resources):
        table = _stream(objects[_reference(objects[int(number)], b"ToUnicode")])
        pairs = re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>", table)
        maps[name] = {
            int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs
        }
    return maps


_TOKEN = re.compile(
    rb"/(?P<font>F\d+) [\d.]+ Tf"
    rb"|(?P<x>-?[\d.]+) (?P<y>-?[\d.]+) Td \((?P<text>(?:\\.|[^\\)])*)\) Tj",
    re.DOTALL,
)


def _texts(content: bytes, fonts: dict[bytes, dict[int, str]]) -> list[tuple[str, float, float]]:
    font: dict[int, str] = {}
    found = []
    for token in _TOKEN.finditer(content):
        if token["font"]:
            font = fonts[token["font"]]
            continue
        raw = re.sub(
            rb"(?s)\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), token["text"]
        )
        codes = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
        text = "".join(font[code] for code in codes)
        found.append((text, float(token["x"]), float(token["y"])))
    return found
