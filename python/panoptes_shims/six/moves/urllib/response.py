"""urllib.response of the standard library."""
from urllib.response import *
