"""urllib as Python 3 has it."""
from . import error, parse, request, response, robotparser
