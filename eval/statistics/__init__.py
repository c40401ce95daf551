"""Intervals, tests and agreement: what a number is worth."""
