"""Calibration and abstention: making scores mean what they say, and saying nothing when unsure.

What is fitted is fitted on the validation split and applied to the test split; no patient is in both.
"""
