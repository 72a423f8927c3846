"""Entry of the worker: ``python3 -m panoptes_worker``."""
import sys

from panoptes_worker import stdio


def main():
    if sys.version_info < (3, 8):
        sys.exit('panoptes needs Python 3.8 or newer; %s is %s' % (sys.executable, sys.version.split()[0]))
    # First of all, so that whatever the modules below print goes to the standard error.
    incoming, outgoing = stdio.take()
    from panoptes_worker.worker import serve
    serve(incoming, outgoing)


if __name__ == '__main__':
    main()
