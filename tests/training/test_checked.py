"""What was seen by eye on training photos: the shipped list, and how it corrects their truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.checked import WHATS, corrected, mistaken, overlooked, read_checked
from training.truth import Truth, ellipse

ROWS = """image,x1,y1,x2,y2,what,outline
a.jpg,0.1,0.2,0.3,0.6,hold,0 0 100 0 100 100
a.jpg,0.5,0.5,0.6,0.6,nothing,50 0 100 100 0 100
a.jpg,0.7,0.5,0.8,0.6,unclear,50 0 100 100 0 100
b.jpg,0.0,0.0,0.5,0.5,volume,0 0 100 0 50 100
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of four places on two photos."""
    path = tmp_path / "checked.csv"
    path.write_text(ROWS)
    return path


def test_places_are_read_in_shares_of_the_photo(listed: Path) -> None:
    checked = read_checked(listed)

    assert [place.what for place in checked["a.jpg"]] == ["hold", "nothing", "unclear"]
    place = checked["a.jpg"][0]
    np.testing.assert_allclose(place.box, [0.1, 0.2, 0.3, 0.6])
    np.testing.assert_allclose(place.outline, [[0.1, 0.2], [0.3, 0.2], [0.3, 0.6]], atol=1e-6)


def test_an_unknown_word_is_refused(listed: Path) -> None:
    listed.write_text(ROWS.replace("volume", "plant"))

    with pytest.raises(ValueError, match="'plant'"):
        read_checked(listed)


def test_a_truth_gains_what_it_overlooked_and_nothing_else(listed: Path) -> None:
    checked = read_checked(listed)
    box = np.array([0.8, 0.8, 0.9, 0.9], np.float32)
    truth = Truth(Path("a.jpg"), np.array([1]), box[None], [ellipse(box)], np.array([False]))

    whole = corrected(truth, checked)

    assert whole.image == truth.image and whole.classes.tolist() == [1, 0]
    np.testing.assert_array_equal(whole.boxes[0], box)
    assert whole.outline_known.tolist() == [False, True] and len(whole.outlines) == 2
    assert overlooked(Path("b.jpg"), checked).classes.tolist() == [1]


def test_what_was_mistaken_stands_apart(listed: Path) -> None:
    things = mistaken(Path("photos/a.jpg"), read_checked(listed))

    assert things.classes.tolist() == [0] and things.outline_known.all()
    np.testing.assert_allclose(things.boxes, [[0.5, 0.5, 0.6, 0.6]])
    untouched = mistaken(Path("c.jpg"), read_checked(listed))
    assert untouched.boxes.shape == (0, 4) and not untouched.outlines


def test_the_shipped_list_is_whole() -> None:
    places = [place for row in read_checked().values() for place in row]

    assert {place.what for place in places} == set(WHATS) and len(places) > 2500
    for place in places:
        low, high = place.box[:2], place.box[2:]
        assert (place.box >= 0).all() and (place.box <= 1).all() and (low < high).all()
        assert len(place.outline) >= 3
        assert (place.outline >= low - 1e-6).all() and (place.outline <= high + 1e-6).all()
