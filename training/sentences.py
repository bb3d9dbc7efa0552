"""What is said about a hold: sentences with palette names and with finer colour words.

The finer words ("coral", "navy") come with the sRGB value that people gave them: CSS Color Module
Level 4, and Randall Munroe's colour survey (xkcd.com/color/rgb, CC0), both as listed by matplotlib.
A crop whose pigment is close to such a value may be called by it, and so a gym's own palette words
land near their neighbours.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
from matplotlib.colors import CSS4_COLORS, XKCD_COLORS, to_rgb

from core.prompts import PROMPT_TEMPLATES

CLOSE = 14.0  # CIE76 distance up to which a finer word fits a pigment
COARSE = re.compile(r"poo|puke|vomit|snot|booger|barf|shit|piss|bile|sick|bruise|diarrhea|ugly")

EXTRA_TEMPLATES = (
    "a {} climbing hold in dim light",
    "a {} climbing hold, chalked",
    "a bright {} climbing hold",
    "a {} climbing volume",
    "a worn {} hold with a bolt",
    "{}",
    "{} colour",
)


def finer_words() -> tuple[list[str], np.ndarray]:
    """Colour words and their CIE Lab values float32 (N, 3)."""
    table = {
        name.removeprefix("xkcd:").replace("/", " "): to_rgb(v) for name, v in XKCD_COLORS.items()
    }
    table |= {name: to_rgb(value) for name, value in CSS4_COLORS.items()}
    words = sorted(word for word in table if not COARSE.search(word))
    rgb = np.array([[table[word] for word in words]], np.float32)
    return words, cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)[0]


class Speaker:
    """Says sentences about crops; the same seed says the same."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.words, self.lab = finer_words()
        self._templates = PROMPT_TEMPLATES + EXTRA_TEMPLATES

    def word(self, name: str, pigment_lab: np.ndarray | None) -> str:
        """The palette ``name``, or at times a finer word that fits the pigment (Lab (3,), None
        where unknown).
        """
        if pigment_lab is not None and self.random.random() < 0.35:
            distance = np.linalg.norm(self.lab - pigment_lab, axis=1)
            close = np.flatnonzero(distance < CLOSE)
            if len(close):
                weights = np.exp(-((distance[close] / 6) ** 2)) + 1e-6
                return self.words[self.random.choice(close, p=weights / weights.sum())]
        return name

    def sentence(self, word: str) -> str:
        """A sentence with ``word``."""
        return self._templates[self.random.integers(len(self._templates))].format(word)
