"""What a rationale may not do, one module a reason; each check returns the words that betray it, or None."""
