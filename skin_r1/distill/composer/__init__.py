"""The deterministic teacher: trajectories composed from findings, rules and counts, with the source of every sentence."""
