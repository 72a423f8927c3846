"""urllib.parse of the standard library."""
from urllib.parse import splitport, splitquery, splittag, splituser
from urllib.parse import uses_fragment, uses_netloc, uses_params, uses_query, uses_relative
from urllib.parse import *
