"""Schemas of the enrichment that Panoptes' own plugins write and read."""
