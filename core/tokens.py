"""Sentences to token numbers for the colour model's text tower.

Only needed when a palette holds a word that has no stored embedding, so the ``tokenizers`` library
is imported on first use. The result equals that of open_clip's ``SimpleTokenizer`` except for one
step: that one repairs wrongly decoded text ("mojibake") with ftfy, this one does not, since palette
words are typed by people. What ftfy does to well-formed text (straight quotes, ordinary widths,
NFC) is done here.
"""

from __future__ import annotations

import gzip
import html
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

TOKENIZER_FILE = "tokenizer.json.gz"
"""What the `tokenizers` library writes of a tokenizer, a third as large as it would be plain."""

START, END = "<start_of_text>", "<end_of_text>"
_QUOTES = str.maketrans(dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'"))
_QUOTES |= str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f", '"'))
_LIGATURES = {ord(c): unicodedata.normalize("NFKC", c) for c in map(chr, range(0xFB00, 0xFB07))}
_LIGATURES |= {
    ord(c): unicodedata.normalize("NFKC", c)
    for c in "\u0132\u0133\u0149\u01f1\u01f2\u01f3"
    "\u01c4\u01c5\u01c6\u01c7\u01c8\u01c9\u01ca\u01cb\u01cc"
}
_WIDTHS = {
    c: unicodedata.normalize("NFKC", chr(c))
    for c in (0x3000, *range(0xFF01, 0xFFF0))
    if unicodedata.normalize("NFKC", chr(c)) != chr(c)
}
# Terminal colour codes and control characters carry no words; line breaks and tabs stay, as blanks.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROLS = dict.fromkeys(
    [
        *range(9),
        0x0B,
        *range(0x0E, 0x20),
        0x7F,
        *range(0x206A, 0x2070),
        0xFEFF,
        *range(0xFFF9, 0xFFFD),
    ]
)


def clean(text: str) -> str:
    """One line of lower-case text with entities resolved, as the model saw its captions."""
    text = _ESCAPES.sub("", text).translate(_CONTROLS)
    text = text.translate(_QUOTES).translate(_LIGATURES).translate(_WIDTHS)
    text = html.unescape(html.unescape(unicodedata.normalize("NFC", text)))
    return " ".join(text.split()).lower()


class Tokenizer:
    """Byte-pair tokens of sentences, padded to the text tower's fixed length."""

    def __init__(self, path: Path, context_length: int) -> None:
        """``path`` is a :data:`TOKENIZER_FILE`; :class:`ModelError` when it cannot be read."""
        if context_length < 3:
            raise ValueError(f"expected a context length of at least 3, got {context_length}")
        self.context_length = context_length
        self._backend = _load(path)
        self._start = self._number(START)
        self._end = self._number(END)

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token numbers, int64 (N, context_length): start, text, end, zeros.

        A longer text is cut before the end token.
        """
        rows = np.zeros((len(texts), self.context_length), dtype=np.int64)
        encodings = self._backend.encode_batch([clean(t) for t in texts], add_special_tokens=False)
        for row, encoding in zip(rows, encodings, strict=True):
            numbers = [self._start, *encoding.ids[: self.context_length - 2], self._end]
            row[: len(numbers)] = numbers
        return rows

    def _number(self, token: str) -> int:
        number: int | None = self._backend.token_to_id(token)
        if number is None:
            raise ModelError(
                "weights_damaged",
                f"The colour model's tokenizer does not know {token}.",
                "Convert the model again.",
            )
        return number


def _load(path: Path) -> Backend:
    try:
        from tokenizers import Tokenizer as Backend
    except ImportError as error:
        raise ModelError(
            "tokenizers_missing",
            "A palette word without a stored embedding needs the package `tokenizers`.",
            "Install it, or set PALETTE to words of the default palette.",
        ) from error
    try:
        return Backend.from_buffer(gzip.decompress(path.read_bytes()))
    except Exception as error:  # the library raises nothing more specific
        raise ModelError(
            "weights_damaged",
            f"The colour model's tokenizer {path.name} cannot be read.",
            "Delete the folder of converted models, or convert the model again.",
        ) from error
