"""Namespace to which other distributions may add utilities."""
import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
