import os
import subprocess
import sys

import pytest
from support import PYTHON

pytestmark = pytest.mark.skipif(not hasattr(os, 'memfd_create'), reason='workers are forked on Linux alone')

REHEARSAL = """
import os, sys
from panoptes_worker import warm

def state():
    return (list(sys.meta_path), sys.stdout, sys.__stderr__, set(os.listdir('/proc/self/fd')), len(os.environ))

before = state()
answer = warm.rehearse()
assert answer['result']['outcome'] == 'ok', answer
assert [m['metric_name'] for m in answer['result']['groups'][0]['metrics']] == ['level', 'reads'], answer
assert state() == before
assert not [name for name in sys.modules if 'rehearsal' in name.lower()]
if os.fork() == 0:
    os._exit(0 if state()[3] == before[3] else 3)
assert os.wait()[1] == 0
warm.warm()
"""


def test_rehearsal_leaves_nothing():
    done = subprocess.run([sys.executable, '-B', '-c', REHEARSAL], cwd=PYTHON, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    assert (done.returncode, done.stdout) == (0, '')
