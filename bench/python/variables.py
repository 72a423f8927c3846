"""What a variable of an SNMP walk costs a plugin, from the answer of the host on: JSON, and an object for each.

variables.py ARCHIVE; prints the microseconds for a variable as connections make it, and by the constructor that checks what it is given.
"""
import json
import sys
from time import process_time

sys.path.insert(0, sys.argv[1])

from yahoo_panoptes.framework.utilities.snmp import host  # noqa: E402
from yahoo_panoptes.framework.utilities.snmp.connection import PanoptesSNMPV2Connection, PanoptesSNMPVariable  # noqa: E402

COUNT = 5000
OID = '.1.3.6.1.2.1.31.1.1.1.6'
ANSWER = json.dumps({'indexes': [str(at) for at in range(COUNT)], 'types': 'COUNTER64',
                     'values': [str(at * 1234567) for at in range(COUNT)]})
# Each variable with its whole identifier and type.
LONG = json.dumps({'variables': [['{}.{}'.format(OID, at), 'COUNTER64', str(at * 1234567)] for at in range(COUNT)]})

host.use(lambda method, params: json.loads(ANSWER))
connection = PanoptesSNMPV2Connection('device', 161, 5, 1, 'community')


def checked():
    made = []
    for oid, kind, value in json.loads(LONG)['variables']:
        parent, _, index = oid.rpartition('.')
        made.append(PanoptesSNMPVariable(OID, parent, index, value, kind))


def least(function):
    best = float('inf')
    for _ in range(40):
        began = process_time()
        function()
        best = min(best, process_time() - began)
    return best / COUNT * 1e6


print(least(lambda: connection.bulk_walk(OID)), least(checked))
