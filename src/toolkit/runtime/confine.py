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
    if user is not None:
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
