"""What is said to the colour model about each palette word.

The same table serves when a model is converted (embeddings of the palette are stored beside it) and
at run time, when a gym's palette holds a word that has no stored embedding. Pure data and one small
function; nothing here loads a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROMPT_TEMPLATES = (
    "a photo of a {} climbing hold",
    "a close-up of a {} climbing hold on a grey background",
    "a {} bouldering hold",
    "a {} plastic hold on a climbing wall",
    "a hold whose colour is {}",
    "something {}",
)

# Words that image captions use for a palette name. A name that is absent here speaks for itself.
CAPTION_WORDS: dict[str, tuple[str, ...]] = {
    "mint": ("mint green", "pale turquoise green"),
    "grey": ("grey", "gray"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "magenta pink"),
    "wood": ("wooden", "natural wood coloured"),
}


def prompts_for(name: str) -> list[str]:
    """Every sentence for the palette word ``name``: each template, each of its caption words."""
    words = CAPTION_WORDS.get(name, (name,))
    return [template.format(word) for word in words for template in PROMPT_TEMPLATES]


def pool_prompts(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average unit embeddings float32 (prompts, D) to one unit embedding float32 (D,).

    Averaging several prompts of a class is the prompt ensembling of CLIP (Radford et al. 2021,
    section 3.1.4). Raises ``ValueError`` when there are none, or when their average has length 0.
    """
    # Imported here, so that a process can begin to open its models before it has numpy.
    import numpy as np

    if embeddings.ndim != 2 or not len(embeddings):
        raise ValueError(f"expected embeddings of shape (prompts, D), got {embeddings.shape}")
    mean = embeddings.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if length == 0.0:
        raise ValueError("expected embeddings with a direction in common, got an average of 0")
    pooled: NDArray[np.float32] = (mean / length).astype(np.float32)
    return pooled
