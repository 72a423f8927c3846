"""Asks targets for their counters: what all contestants run.

link ADDRESS TARGET asks one and prints its metrics; link --each-line ADDRESS COUNT asks them all for each line that comes in; and
link alone speaks Panoptes' plugin protocol.
"""
import json
import socket
import sys


def ask(address, target):
    host, _, port = address.partition(':')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.connect((host, int(port)))
        asking.send(target.encode())
        octets, errors, status = asking.recv(100).split()
    return {'type': 'link', 'dimensions': {'target': target},
            'counters': {'octets': int(octets), 'errors': int(errors)}, 'gauges': {'status': int(status)}}


def show(message):
    print(json.dumps(message), flush=True)


def answer(method, params):
    if method == 'initialize':
        return {'result': {'protocol_version': 1}}
    if method == 'run':
        resource = params['resource']
        return {'result': {'outcome': 'ok', 'groups': [ask(resource['resource_endpoint'], resource['resource_id'])]}}
    if method == 'shutdown':
        return {'result': {}}
    return {'error': {'code': -32601, 'message': 'unknown method'}}


def serve():
    for line in sys.stdin:
        request = json.loads(line)
        if 'id' in request:
            show(dict(answer(request['method'], request.get('params')), jsonrpc='2.0', id=request['id']))


if __name__ == '__main__':
    if len(sys.argv) == 1:
        serve()
    elif sys.argv[1] == '--each-line':
        for _ in sys.stdin:
            for i in range(int(sys.argv[3])):
                show(ask(sys.argv[2], 'switch{}'.format(i)))
    else:
        show(ask(sys.argv[1], sys.argv[2]))
