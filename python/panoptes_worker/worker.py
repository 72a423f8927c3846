"""The loop of the worker process: requests of the host in, answers out, one at a time."""
import os
import platform

from panoptes_worker import channel as rpc

PROTOCOL_VERSION = 1


class Worker:
    """Answers requests in the order they came."""

    def __init__(self, incoming, outgoing):
        self._channel = rpc.Channel(incoming, outgoing, self._notified)

    def serve(self):
        self._channel.start()
        while True:
            request = self._channel.next()
            if request is None:
                return
            if request['method'] == 'initialize':
                self._channel.answer(request['id'], {
                    'protocol_version': PROTOCOL_VERSION, 'name': 'panoptes-python', 'python': platform.python_version(),
                    'pid': os.getpid(), 'capabilities': {'concurrency': 1}})
            elif request['method'] == 'shutdown':
                self._channel.answer(request['id'], {})
                return
            else:
                self._channel.fail(request['id'], rpc.METHOD_NOT_FOUND, 'unknown method ' + request['method'])

    def _notified(self, method, params):
        pass


def serve(incoming, outgoing):
    Worker(incoming, outgoing).serve()
    os._exit(0)
