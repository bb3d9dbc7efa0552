"""How fast this machine is beside the one that the targets were set for: ``python -m
benchmarks.yardstick``.

Seconds carry over from one machine to another only as ratios. Two things that the product does not
change were timed on the machine of the targets: a process that imports torch and ends, and one
inference of YOLO11n-seg in float32 by ONNX Runtime on a tile of 640 pixels, on two threads. The
same two are timed here; whoever converts a time takes the one by which this machine is less slow.

Prints one line of JSON: ``import_s`` and ``inference_s``, medians.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
import warnings
from dataclasses import dataclass

from benchmarks.child import clean_environment, run_child

REFERENCE = "2 cores of an AMD EPYC (Zen 5)"
IMPORT_S = 0.9
INFERENCE_S = 0.0307
SIDE = 640
THREADS = 2
IMPORTS, INFERENCES = 5, 40


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that both yardsticks took here."""

    import_s: float
    inference_s: float

    @property
    def slowness(self) -> float:
        """How many times longer than on REFERENCE things take here, at least."""
        return min(self.import_s / IMPORT_S, self.inference_s / INFERENCE_S)


def measure() -> Pace:
    """Both in fresh processes, a first one of each uncounted. Raises
    :class:`benchmarks.child.ChildError` when one fails.
    """
    environment = clean_environment()
    runs = [run_child(["-c", "import torch"], environment)[1].wall_s for _ in range(1 + IMPORTS)]
    told, _ = run_child(["-m", "benchmarks.yardstick", "--inference"], environment)
    return Pace(statistics.median(runs[1:]), float(told.splitlines()[-1]))


def inference_s() -> float:
    """Median seconds of one inference; the weights are random, which changes nothing."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(exported(), options, providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    tile = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
    seconds = []
    for _ in range(5 + INFERENCES):
        started = time.perf_counter()
        session.run(None, {images.name: tile})
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[5:])


def exported() -> bytes:
    """The network as ultralytics builds and exports it, an ONNX file's content."""
    import torch

    from training.torchvision_shim import ensure_torchvision

    ensure_torchvision()
    from ultralytics.nn.tasks import SegmentationModel, yaml_model_load

    network = SegmentationModel(yaml_model_load("yolo11n-seg.yaml"), verbose=False).eval().fuse()
    network.model[-1].export, network.model[-1].format = True, "onnx"
    content = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about numbers that it takes for constants
        torch.onnx.export(network, (torch.zeros(1, 3, SIDE, SIDE),), content, dynamo=False)
    return content.getvalue()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.yardstick", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--inference", action="store_true", help="in this process; seconds alone")
    if parser.parse_args().inference:
        print(inference_s())
        return 0
    pace = measure()
    print(json.dumps({"import_s": round(pace.import_s, 3), "inference_s": pace.inference_s}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
