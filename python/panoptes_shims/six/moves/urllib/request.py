"""urllib.request of the standard library."""
from urllib.request import *
