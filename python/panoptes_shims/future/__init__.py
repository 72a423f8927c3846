"""Stand-in for the package future."""
