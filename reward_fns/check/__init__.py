"""`skin-r1 rewards check`: prove on your own rows that gold answers are paid and hacks are not, before any GPU hour."""

from reward_fns.check.command import main

__all__ = ["main"]
