"""What counts as a picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import DTypeLike

from core.arrays import check_picture


def test_a_picture_passes() -> None:
    check_picture(np.zeros((2, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((2, 3, 3), np.float32),
        ((2, 3, 3), np.int8),
        ((2, 3), np.uint8),
        ((2, 3, 4), np.uint8),
        ((2, 3, 1), np.uint8),
        ((0, 3, 3), np.uint8),
        ((1, 2, 3, 3), np.uint8),
    ],
)
def test_anything_else_is_told_with_its_type_and_shape(
    shape: tuple[int, ...], kind: DTypeLike
) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\) pixels, got ") as caught:
        check_picture(np.zeros(shape, kind))  # type: ignore[arg-type]

    assert str(caught.value).endswith(f"{np.dtype(kind)} {shape}")
