"""Skin-R1: vision-language models that reason from what they see to a diagnosis."""

from skin_r1 import compat

__version__ = "0.1.0"

# transformers imports torchvision lazily and from many places; only a hook at the root is early enough for all of them.
compat.install()
