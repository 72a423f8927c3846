"""Part of the Panoptes plugin API."""
