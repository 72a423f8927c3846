"""Polling plugins; sites may add their own."""
import pkgutil

# Other distributions may add modules.
__path__ = pkgutil.extend_path(__path__, __name__)
