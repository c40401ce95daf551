"""Make torchvision importable beside a CPU-only torch.

The published torchvision 0.28.0 wheel is built for CUDA; beside the CPU build of torch 2.13.0 its import stops at
`operator torchvision::nms does not exist`. Qwen-VL processors import torchvision for their video part. Declaring the
two operator schemas is enough for everything that this project uses (transforms, not nms itself). To be removed when a
CPU build of torchvision can be installed from the default index.
"""

from typing import Any

_library: Any = None  # the declared operators live only as long as this object


def ensure_torchvision() -> None:
    """Declare the two missing operator schemas; call before the first import of torchvision. Does nothing on CUDA."""
    global _library
    if _library is not None:
        return
    import torch

    if torch.version.cuda is not None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        try:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # a torchvision built for this torch has already declared it
            continue
    _library = library
