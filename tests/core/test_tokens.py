"""Token numbers against open_clip's own tokenizer."""

from __future__ import annotations

import gzip
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ModelError
from core.prompts import CAPTION_WORDS, PROMPT_TEMPLATES, pool_prompts, prompts_for
from core.settings import DEFAULT_PALETTE
from core.tokens import TOKENIZER_FILE, Tokenizer, clean

CONTEXT = 77


@pytest.fixture(scope="module")
def reference() -> Any:
    from training.torchvision_shim import ensure_torchvision

    ensure_torchvision()
    import open_clip

    return open_clip.SimpleTokenizer(context_length=CONTEXT)


@pytest.fixture(scope="module")
def path(reference: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.tokenizer_export import write_tokenizer

    file = tmp_path_factory.mktemp("tokens") / TOKENIZER_FILE
    write_tokenizer(reference, file, "ViT-B-32")
    return file


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> Tokenizer:
    return Tokenizer(path, CONTEXT)


def _same(tokenizer: Tokenizer, reference: Any, texts: list[str]) -> None:
    np.testing.assert_array_equal(tokenizer.encode(texts), reference(texts).numpy())


def test_every_prompt_of_the_palette(tokenizer: Tokenizer, reference: Any) -> None:
    _same(tokenizer, reference, [text for name in DEFAULT_PALETTE for text in prompts_for(name)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Neon YELLOW",
        "don't they're we'll I'd",
        "DON'T 'S 'T",
        "  two\n lines\tand tabs\u00a0",
        "&amp;amp; x &lt;b&gt; &quot;q&quot;",
        "na\u00efve caf\u00e9 cafe\u0301",
        "t\u00fcrkis gr\u00fcn wei\u00df \u00c4\u00d6\u00dc",
        "\u6570\u5b57 123 \u00bd",
        "\u201cquoted\u201d \u2018x\u2019 l\u2019or",
        "\uff21\uff22\uff23\uff01",
        "\U0001f9d7 climb!!",
        "<start_of_text> hi <end_of_text>",
        "a" * 200,
        "word " * 100,
        "\u0130stanbul \u00df \u017f",
        "hello...world--(x)",
        "\ufb01re \u01c5",
        "\u0915\u094d\u0937\u093f",
        "\x1b[31mred\x1b[0m",
        "\x00a\x07",
        "\u0391\u03a3 \u1f48\u0394\u03a5\u03a3\u03a3\u0395\u038e\u03a3",
        "RAL 6034, RAL-9005",
    ],
)
def test_single_texts(tokenizer: Tokenizer, reference: Any, text: str) -> None:
    _same(tokenizer, reference, [text])


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        string.ascii_letters
        + string.digits
        + string.punctuation
        + " \u00e9\u00fc\u00df\u4e2d\u2019",
        max_size=60,
    )
)
def test_any_typed_text(tokenizer: Tokenizer, reference: Any, text: str) -> None:
    _same(tokenizer, reference, [text])


def test_rows_have_one_shape(tokenizer: Tokenizer) -> None:
    rows = tokenizer.encode(["red", "a very long " * 60])
    assert rows.shape == (2, CONTEXT)
    assert rows.dtype == np.int64
    assert rows[1, -1] == rows[0].max(), "a text that is cut still ends with the end token"
    assert tokenizer.encode([]).shape == (0, CONTEXT)


def test_short_context_cuts_before_the_end(path: Path, reference: Any) -> None:
    text = "a photo of a red climbing hold"
    got = Tokenizer(path, 5).encode([text])
    np.testing.assert_array_equal(got, reference([text], context_length=5).numpy())


PLAIN = [b"", b"{}", b"\xff\x00", b'{"model": {"type": "BPE"}}']
PACKED = [gzip.compress(content, mtime=0) for content in PLAIN]


@pytest.mark.parametrize("content", [*PLAIN, *PACKED, PACKED[1][:-3]])
def test_broken_file_is_a_clear_error(content: bytes, tmp_path: Path) -> None:
    broken = tmp_path / TOKENIZER_FILE
    broken.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Tokenizer(broken, CONTEXT)
    assert caught.value.code == "weights_damaged"


def test_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Tokenizer(tmp_path / "none.json", CONTEXT)


def test_impossible_context_length(path: Path) -> None:
    with pytest.raises(ValueError, match="at least 3"):
        Tokenizer(path, 2)


def test_library_is_not_loaded_before_it_is_needed(repository: Path) -> None:
    code = "import sys, core.tokens; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0


def test_clean_is_one_line_of_lower_case() -> None:
    assert clean("  Big\n\u201cRED\u201d &amp; ready ") == 'big "red" & ready'


@pytest.mark.parametrize("name", [*DEFAULT_PALETTE, "neon coral"])
def test_prompts_say_the_word_in_every_template(name: str) -> None:
    words = CAPTION_WORDS.get(name, (name,))
    prompts = prompts_for(name)
    assert len(prompts) == len(set(prompts)) == len(words) * len(PROMPT_TEMPLATES)
    assert all(any(word in prompt for word in words) for prompt in prompts)


def test_pooling_is_the_direction_of_the_sum() -> None:
    rows = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(pool_prompts(rows), [half, half, 0], rtol=1e-6)
    with pytest.raises(ValueError, match="average of 0"):
        pool_prompts(np.array([[1.0], [-1.0]], np.float32))
    with pytest.raises(ValueError, match="shape"):
        pool_prompts(np.zeros((0, 4), np.float32))
