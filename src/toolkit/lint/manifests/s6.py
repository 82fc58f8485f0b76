"""Services of s6-overlay in a container: their ``run`` scripts, and how long they may take to stop.

Source: https://github.com/just-containers/s6-overlay. Scripts in execline's own language are not
followed.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from posixpath import basename, dirname, join

from toolkit.lint.amounts import whole
from toolkit.lint.facts import Fact, Where
from toolkit.lint.manifests.programs import Program

NAME = "s6"
INIT = "/init"
"""The entry point of its containers."""

GRACE = 3_000
"""Default of S6_SERVICES_GRACETIME and S6_KILL_GRACETIME, milliseconds; one follows the other."""

_RUN = re.compile(r"/etc/(?:services\.d|s6-overlay/s6-rc\.d)/[^/]+/run")
_OLD = "/etc/services.d/"
_SIGNAL = "down-signal"


def programs(
    targets: Mapping[str, str],
    read: Callable[[str], str | None],
    env: Mapping[str, Fact[str]],
) -> Iterator[Program]:
    """Give the services of a container.

    Args:
        targets: Its files: paths in the folder by those in it.
        read: Gives the text of one by its path in the folder.
        env: Its variables.
    """
    for target, path in sorted(targets.items()):
        if _RUN.fullmatch(target):
            where = Where(path, 1)
            yield Program(
                supervisor=NAME,
                name=basename(dirname(target)),
                where=where,
                command=Fact((target,), where),
                grace=_grace(target, env, where),
                grace_setting="S6_SERVICES_GRACETIME={milliseconds}",
                stop_signal=_signal(targets.get(join(dirname(target), _SIGNAL)), read, where),
            )


def _grace(target: str, env: Mapping[str, Fact[str]], where: Where) -> Fact[float]:
    """Give the time to stop; what s6-rc starts is waited for without a limit."""
    if not target.startswith(_OLD):
        return Fact(math.inf, where, NAME)
    given = [env.get(name) for name in ("S6_SERVICES_GRACETIME", "S6_KILL_GRACETIME")]
    numbers = [whole(fact.value) if fact is not None else None for fact in given]
    each = [GRACE if number is None else number for number in numbers]
    said = next((fact for fact in given if fact is not None), None)
    seconds = sum(each) / 1000
    return Fact(seconds, where, NAME) if said is None else Fact(seconds, said.where)


def _signal(path: str | None, read: Callable[[str], str | None], where: Where) -> Fact[str]:
    text = read(path) if path is not None else None
    return Fact("TERM", where, NAME) if not path or not text else Fact(text.strip(), Where(path, 1))
