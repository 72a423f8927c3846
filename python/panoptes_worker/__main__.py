"""Entry of the worker, ``python3 -m panoptes_worker``, and of the fork server, ``... --server DESCRIPTOR``."""
import os
import sys

from panoptes_worker import stdio


def main():
    if sys.version_info < (3, 8):
        sys.exit('panoptes needs Python 3.8 or newer; %s is %s' % (sys.executable, sys.version.split()[0]))
    # Where a distribution adds to the namespace, Python may have made a package of it alone when it started.
    for name in [name for name in sys.modules if name.partition('.')[0] == 'yahoo_panoptes']:
        del sys.modules[name]
    control = None
    if len(sys.argv) == 3 and sys.argv[1] == '--server':
        control = int(sys.argv.pop())
        del sys.argv[1]
    stdio.close_inherited(control)
    if control is not None:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        from panoptes_worker import server
        server.serve(control)
        return
    # First of all, so that whatever the modules below print goes to the standard error.
    incoming, outgoing = stdio.take()
    from panoptes_worker.worker import serve
    serve(incoming, outgoing)


if __name__ == '__main__':
    main()
