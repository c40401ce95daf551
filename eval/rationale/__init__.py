"""A rationale, checked without a judge: its claims, its argument, its wording."""
