"""Schemas of the generic plugins."""
