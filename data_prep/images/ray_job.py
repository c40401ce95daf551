"""The intake of images as a Ray Data job, where one machine is not enough (`pip install -e ".[ray]"`).

Every node must see the dataset's folder and the output's folder under the same paths, as on a shared file system. What
a part holds does not depend on who makes it, so the corpus is the same as that of a single machine.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from skin_r1.errors import problem

T = TypeVar("T")


def run(parts: Sequence[T], work: Callable[[T], int]) -> Iterator[int]:
    """Make the parts on the cluster that `RAY_ADDRESS` names, or on this machine without one.

    Yields:
        The number of images of each part as it is done, in any order.

    Raises:
        UserError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise problem("Ray is not installed", column="--executor", next_step='pip install -e ".[ray]"') from None

    def make(row: dict[str, Any]) -> dict[str, Any]:
        return {"images": work(row["item"])}

    ray.init(ignore_reinit_error=True, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False  # the caller shows its own
    for row in ray.data.from_items(list(parts), override_num_blocks=len(parts)).map(make).iter_rows():
        yield row["images"]
