"""Entry of the worker: ``python3 -m panoptes_worker``."""
from panoptes_worker import stdio


def main():
    # First of all, so that whatever the modules below print goes to the standard error.
    incoming, outgoing = stdio.take()
    from panoptes_worker.worker import serve
    serve(incoming, outgoing)


if __name__ == '__main__':
    main()
