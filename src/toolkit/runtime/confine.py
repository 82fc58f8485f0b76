"""Give a command its CPUs, limits and user, then become it: ``confine.py CPUS MEMORY COMMAND...``.

A separate program instead of code between fork and exec, which is not safe in a process with
threads. Standard library only; runs by its path, so that it starts fast.

CPUS is a comma-separated list, or ``-`` for no pinning; MEMORY is the limit of each process's
data in bytes, or ``-``. ``--user UID:GID`` in front of them has the command run as somebody else:
only now, since that user may not be able to read Python and this file.
"""

import os
import resource
import sys
import warnings  # noqa: F401 - os looks a command up with it, when the user below cannot read it

_STACK = 2 * 2**20
"""Bytes of each thread's stack under a limit of memory."""


def main(arguments: list[str]) -> None:
    """Apply the limits and replace this process by the command."""
    user = None
    if arguments[0] == "--user":
        user, arguments = arguments[1], arguments[2:]
    cpus, memory, *command = arguments
    if cpus != "-":
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    if memory != "-":
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
        # Linux counts all of a thread's stack as data from its start, touched or not: of the usual
        # 8 MiB, 60 threads fill the 512 MiB of which they would use 80 in a container
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        if soft == resource.RLIM_INFINITY or soft > _STACK:
            resource.setrlimit(resource.RLIMIT_STACK, (_STACK, hard))
    if user is not None:
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
