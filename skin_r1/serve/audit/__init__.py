"""A record of every request that cannot be changed unseen."""
