"""The worker process: runs plugins for the collector, spoken to over its standard input and output.

Nothing is imported here, so that the standard output is put aside before anything can write to it.
"""
