"""Skin-R1: vision-language models that reason from what they see to a diagnosis."""

__version__ = "0.1.0"
