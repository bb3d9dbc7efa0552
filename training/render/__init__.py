"""The parts of the synthetic wall renderer: one concept per module, numpy and OpenCV only.

Pixels are linear-light float32 RGB until the camera turns them into 8-bit sRGB. Axes are those of
images: x to the right, y down; heights above the wall point towards the viewer. Every function that
draws takes its own ``numpy.random.Generator``, so a wall is a function of its seed. The public face
is ``training.walls``.
"""
