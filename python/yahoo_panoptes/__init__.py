"""The Python API that Panoptes plugins import, implemented anew; see docs/panoptes/python-api.md."""
import os
import pkgutil
import sys

# Other distributions may add subpackages.
__path__ = pkgutil.extend_path(__path__, __name__)


def _append_shims() -> None:
    """Makes the stand-ins importable, after everything else."""
    shims = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'panoptes_shims')
    if shims not in sys.path:
        sys.path.append(shims)


_append_shims()
