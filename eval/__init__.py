"""Evaluation: predictions -> metrics with confidence intervals, and a report that a person can read."""
