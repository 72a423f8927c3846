"""urllib.error of the standard library."""
from urllib.error import *
