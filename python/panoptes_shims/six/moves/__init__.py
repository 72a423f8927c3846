"""The renamed parts of the standard library that six.moves gives, as far as they exist in Python 3."""
import builtins
import configparser
import copyreg
import html as html_parser
import http.client as http_client
import http.cookies as http_cookies
import io
import itertools
import os
import pickle as cPickle
import queue
import shlex
import socketserver
import sys
from functools import reduce
from importlib import reload as reload_module
from collections import UserDict, UserList, UserString

from . import urllib

cStringIO = StringIO = io.StringIO
filter = builtins.filter
filterfalse = itertools.filterfalse
input = builtins.input
intern = sys.intern
map = builtins.map
range = xrange = builtins.range
zip = builtins.zip
zip_longest = itertools.zip_longest
shlex_quote = shlex.quote
getcwd = os.getcwd
getcwdb = os.getcwdb
