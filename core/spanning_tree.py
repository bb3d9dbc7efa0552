"""The shortest tree that joins points, from their distances to each other.

Its edges are all that single linkage and the widest unavoidable gap have to know: two points hang
together within some reach where the way between them along the tree has no longer edge (Gower and
Ross, "Minimum Spanning Trees and Single Linkage Cluster Analysis", 1969). Nothing here knows what
the points are, or measures a distance.
"""

from __future__ import annotations

import numpy as np

from core.arrays import Doubles, Indices


def spanning_tree(lengths: Doubles) -> tuple[Indices, Indices, Doubles]:
    """The minimum spanning tree of points at distances ``lengths``, float64 (N, N), symmetric.

    Returns both ends and the length of each of its N - 1 edges, in the order in which Prim's
    algorithm (1957) finds them. Raises ``ValueError`` for another shape, or without points.
    """
    count = len(lengths)
    if not count or lengths.shape != (count, count):
        raise ValueError(f"expected distances (N, N) of at least one point, got {lengths.shape}")
    best = lengths[0].copy()
    parent = np.zeros(count, dtype=np.intp)
    outside = np.ones(count, dtype=bool)
    outside[0] = False
    near, far = np.zeros(count - 1, dtype=np.intp), np.zeros(count - 1, dtype=np.intp)
    found = np.zeros(count - 1)
    for step in range(count - 1):
        nearest = int(np.argmin(np.where(outside, best, np.inf)))
        near[step], far[step], found[step] = parent[nearest], nearest, best[nearest]
        outside[nearest] = False
        closer = lengths[nearest] < best
        best[closer] = lengths[nearest][closer]
        parent[closer & outside] = nearest
    return near, far, found
