"""Put on PYTHONPATH of vLLM on a CPU: every process that it spawns then learns of `skin_r1.compat` before torchvision.

And words arrive as they are written. While vLLM's engine waits for its worker it calls `os.sched_yield` without end, which
lets go of the interpreter's lock and takes it again at once: on few cores the thread that sends the words often gets it only
when the answer is whole (`docs/upstream.md`, 12). A short sleep in its place lets the others run.
"""

import os
import time

import skin_r1  # noqa: F401  (its import installs the hook; it loads nothing heavy)

NAP = 5e-5  # seconds; a step of the smallest model takes a millisecond


def _nap() -> None:
    time.sleep(NAP)


os.sched_yield = _nap
