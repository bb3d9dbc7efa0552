"""Make the two fonts of the printed sheet from NanumGothic; run once, the results are kept.

``python assets/fonts/make_fonts.py FOLDER`` reads ``NanumGothic.ttf`` and ``NanumGothicBold.ttf``
in FOLDER (Debian's package fonts-nanum has them) and writes ``SheetSans-Regular.ttf`` and
``SheetSans-Bold.ttf`` beside this file: Latin, Hangul and punctuation, no hinting, no layout
tables. The licence keeps the original's name for the original, so the results get another; the
notices of copyright and licence stay inside.

Not needed at run time: the sheet reads the results.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

HERE = Path(__file__).resolve().parent

FAMILY = "Sheet Sans"

KEPT = (
    (0x20, 0x7E),  # Basic Latin
    (0xA0, 0x17F),  # Latin-1 and Latin Extended-A: the languages of Europe
    (0x2010, 0x2027),  # dashes, quotes, bullet, ellipsis
    (0x20A9, 0x20AC),  # won, euro
    (0x2190, 0x2193),  # arrows
    (0x25A0, 0x25FF),  # geometric shapes; the box stands for what the font lacks
    (0x3000, 0x3011),  # full-width punctuation
    (0x3131, 0x318E),  # single Hangul letters
    (0xAC00, 0xD7A3),  # all 11,172 Hangul syllables
    (0xFF01, 0xFF5E),  # full-width ASCII
)

COPYRIGHT, FAMILY_NAME, STYLE, UNIQUE, FULL_NAME, POSTSCRIPT_NAME = 0, 1, 2, 3, 4, 6
TRADEMARK, TYPOGRAPHIC_FAMILY, TYPOGRAPHIC_STYLE, LICENCE, LICENCE_URL = 7, 16, 17, 13, 14


def make(source: Path, style: str) -> Path:
    """Write the reduced, renamed font of ``source``; returns where."""
    options = Options()
    options.hinting = False
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "vhea", "vmtx", "kern", "gasp", "DSIG"]
    options.drop_tables += [f"TSI{number}" for number in (0, 1, 2, 3, 5)]  # editor's sources
    options.name_IDs = ["*"]
    options.name_languages = [0x409]
    options.notdef_outline = True
    font = TTFont(source, recalcTimestamp=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[code for low, high in KEPT for code in range(low, high + 1)])
    subsetter.subset(font)
    names = font["name"]
    compact = FAMILY.replace(" ", "")
    for number in (TRADEMARK, TYPOGRAPHIC_FAMILY, TYPOGRAPHIC_STYLE):
        names.removeNames(nameID=number)
    for number, text in {
        FAMILY_NAME: FAMILY,
        STYLE: style,
        UNIQUE: f"{compact}-{style} from {source.stem}",
        FULL_NAME: f"{FAMILY} {style}",
        POSTSCRIPT_NAME: f"{compact}-{style}",
        LICENCE: "SIL Open Font License, Version 1.1; the text and its notices are in OFL.txt.",
        LICENCE_URL: "https://openfontlicense.org",
    }.items():
        names.removeNames(nameID=number)
        names.setName(text, number, 3, 1, 0x409)
    target = HERE / f"{compact}-{style}.ttf"
    font.save(target)
    return target


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    make(folder / "NanumGothic.ttf", "Regular")
    make(folder / "NanumGothicBold.ttf", "Bold")
