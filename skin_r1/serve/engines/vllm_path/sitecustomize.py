"""Put on PYTHONPATH of vLLM on a CPU: every process that it spawns then learns of `skin_r1.compat` before torchvision."""

import skin_r1  # noqa: F401  (its import installs the hook; it loads nothing heavy)
