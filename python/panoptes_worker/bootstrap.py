"""Given to the interpreter with -c: runs the archive that is open as the descriptor in the first argument, with or without -I.

It goes to a number that no plugin closes or is given by mistake, as high as the limit of open files lets it be; all that is
imported later is read there as well.
"""
import fcntl
import os
import sys


def start():
    number = int(sys.argv.pop(1))
    for at in (600, 200, 40, 3):
        try:
            archive = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, at)
        except (OSError, ValueError):
            continue
        break
    os.close(number)
    if sys.path[:1] == ['']:
        del sys.path[0]
    sys.path.insert(0, '/proc/self/fd/%d' % archive)
    from panoptes_worker.__main__ import main
    main()


if __name__ == '__main__':
    start()
