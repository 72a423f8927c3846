"""Starts the worker when the interpreter is given the zip archive (or this folder)."""
from panoptes_worker.__main__ import main

main()
