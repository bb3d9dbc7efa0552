"""open_clip's own tokenizer, written as a ``tokenizer.json.gz`` for the ``tokenizers`` library.

Vocabulary and merges are read from the tokenizer object itself. Cleaning of the text (entities,
case, blanks) is not part of the file: :mod:`core.tokens` does it, as open_clip does it outside its
byte-pair code.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from core.errors import ModelError

# open_clip's pattern, with the letter cases spelled out because the text is in lower case already.
PATTERN = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def write_tokenizer(tokenizer: Any, path: Path, model_name: str) -> None:
    """Write ``tokenizer`` (an open_clip ``SimpleTokenizer``) to ``path``.

    Raises :class:`ModelError` (``weights_wrong_kind``) for models that bring a tokenizer of another
    kind.
    """
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    if not isinstance(tokenizer, SimpleTokenizer):
        raise ModelError(
            "weights_wrong_kind",
            f"CLIP_MODEL={model_name} reads text with a {type(tokenizer).__name__}.",
            "Expected a model with CLIP's own tokenizer, such as ViT-B-32 or ViT-B-16.",
        )
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    backend = Tokenizer(
        models.BPE(
            vocab=dict(tokenizer.encoder),
            merges=merges,
            end_of_word_suffix="</w>",
            continuing_subword_prefix="",
        )
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.add_special_tokens(["<start_of_text>", "<end_of_text>"])
    # Without a time in it, the same tokenizer gives the same bytes.
    path.write_bytes(gzip.compress(backend.to_str(pretty=False).encode(), mtime=0))
