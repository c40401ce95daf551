"""A teacher behind any OpenAI-compatible endpoint: asked concurrently, answered from the cache when possible."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from skin_r1.distill.teacher.question import PATIENT, Limits, Reply, Request, Settings
from skin_r1.distill.teacher.window import Window

__all__ = ["Limits", "Reply", "Request", "Settings", "ask"]


def ask(
    requests: Iterable[Request],
    settings: Settings,
    cache_path: Path,
    *,
    limits: Limits = PATIENT,
    who: str = "teacher",
) -> Iterator[Reply]:
    """Ask everything once; what the cache answers is not sent.

    Args:
        requests: taken in another thread, at most 2 * `concurrency` ahead of the replies. A generator that builds each
            when asked for it keeps no more of them in memory.
        settings: `concurrency` requests are under way at any time while more are left, and never more.
        cache_path: SQLite file of answers and attempts; several runs may share it.
        limits: timeouts and retries.
        who: what messages call the one who is asked.

    Yields:
        One reply for each request, in the order in which they come; an answer is on disk before it is yielded. What
        failed is asked again by the next run.

    Raises:
        UserError: the endpoint refuses the key, does not know the model, or failed `limits.hopeless` requests in a
            row: no later request could fare better. What was answered until then is in the cache.
    """
    window = Window(requests, settings, cache_path, limits, who)
    thread = threading.Thread(target=window.run, name="teacher", daemon=True)
    thread.start()
    try:
        while (reply := window.replies.get()) is not None:
            if isinstance(reply, BaseException):
                raise reply
            yield reply
    finally:
        window.stop()
        thread.join()
