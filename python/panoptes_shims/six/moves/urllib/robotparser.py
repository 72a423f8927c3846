"""urllib.robotparser of the standard library."""
from urllib.robotparser import *
