"""Command lines of servers, split into settings by what options a server has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from toolkit.lint.shell.values import is_known


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a program.

    Attributes:
        valued: Setting by option, of those that take a value.
        flags: Setting and its value by option, of those that take none.
        optional: Those of ``valued`` whose value stands only after ``=``.
    """

    valued: Mapping[str, str]
    flags: Mapping[str, tuple[str, str]]
    optional: frozenset[str] = frozenset()

    @classmethod
    def of(cls, valued: str, flags: str, optional: str = "") -> "Options":
        """Write down options.

        Args:
            valued: By blanks, each ``setting=--option,-o`` or ``--option`` for one that is called
                as its option.
            flags: Likewise; ``--option`` means "true", ``setting!=--no-option`` "false".
            optional: As ``valued``.
        """
        taking = {**_table(valued), **_table(optional)}
        switches = {
            option: (setting.rstrip("!"), "false" if setting.endswith("!") else "true")
            for option, setting in _table(flags).items()
        }
        return cls(taking, switches, frozenset(_table(optional)))


def _table(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in text.split():
        setting, equals, options = entry.partition("=")
        for option in (options if equals else setting).split(","):
            found[option] = setting if equals else setting.lstrip("-").replace("-", "_")
    return found


@dataclass(slots=True)
class Given:
    """What a command line gives.

    Attributes:
        values: Values by setting, in order.
        last: Of a setting: which of the words is its last option.
        rest: Words that are no options.
        complete: Whether that is all: no word stands for options that are not known here.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)
    complete: bool = True


def split(words: Sequence[str], options: Options) -> Given:
    """Split a command line as argparse, click and getopt do.

    Args:
        words: Without the program.
        options: That the program has. Another one is taken for a flag.
    """
    given = Given()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            given.rest.extend(words[at:])
            break
        if not word.startswith("-") or word == "-":
            given.rest.append(word)
            continue
        option, value = _option(word, options)
        if option in options.flags:
            setting, value = options.flags[option]
        elif option in options.valued:
            setting = options.valued[option]
        else:
            continue
        given.last[setting] = at - 1
        if value is None and option not in options.optional:
            value = words[at] if at < len(words) else ""
            at += 1
        given.values.setdefault(setting, []).append(value or "")
    hidden = [word for word in given.rest if not is_known(word) and word[:1] in "$`"]
    # the only word that is no option is the app, whatever it stands for
    given.complete = not hidden or (len(given.rest) == 1 and hidden != ["$@"])
    return given


def _option(word: str, options: Options) -> tuple[str, str | None]:
    """Give the option that a word is, and the value in the same word."""
    name, equals, value = word.partition("=")
    known = options.valued.keys() | options.flags.keys()
    if name in known:
        return name, value if equals else None
    if not word.startswith("--"):
        # -w4, and -Rw4 of flags that take none
        for at in range(1, len(word)):
            short = f"-{word[at]}"
            if short in options.valued:
                return short, word[at + 1 :].removeprefix("=")
            if short not in options.flags:
                break
        return word[:2], None
    longer = [option for option in known if option.startswith(name)]
    if len({options.valued.get(option, option) for option in longer}) == 1:
        return longer[0], value if equals else None
    return name, None
