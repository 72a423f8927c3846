"""Stand-in for the package past (of future)."""
