"""Make torchvision importable beside a CPU-only torch.

The published torchvision 0.28.0 wheel is built for CUDA; beside the CPU build of torch 2.13.0 its import stops at
`operator torchvision::nms does not exist`. Qwen-VL models and processors import torchvision for their video part.
Declaring the two operator schemas is enough for everything that this project uses (transforms, not nms itself). To be
removed when a CPU build of torchvision can be installed from the default index.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

_library: Any = None  # the declared operators live only as long as this object


def ensure_torchvision() -> None:
    """Declare the two missing operator schemas; does nothing beside a CUDA build of torch, or the second time."""
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


class _BeforeTorchvision(MetaPathFinder):
    """Finds nothing; seeing the first import of torchvision, it declares the schemas just in time."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            ensure_torchvision()


def install() -> None:
    """Watch for the first import of torchvision; costs nothing until then, and imports nothing."""
    if "torchvision" not in sys.modules and not any(isinstance(f, _BeforeTorchvision) for f in sys.meta_path):
        sys.meta_path.insert(0, _BeforeTorchvision())
