"""Whether a command that checks an app says yes when the app answers HTTP 500. Pure.

A command is followed as a shell would, with one question asked of each program in it: how does it
end if the server answers 500? Where that is not plain nothing is said.
"""

import ast
import re
import shlex
import warnings
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import pairwise
from pathlib import PurePosixPath

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_WRAPPERS = frozenset({"exec", "timeout", "env", "command", "nice"})
_FOLLOWED = frozenset({"&&", "||", ";", "|"})
_NOT_FOLLOWED = re.compile(
    r"\$\(|`|<<|(?:^|[;&|\n]\s*)(?:if|for|while|until|case|function|[!({]|\[+)(?:\s|$)"
)
_ALWAYS = re.compile(r"\|\|\s*(?:true|:|exit\s+0)\s*;?\s*$")
_LONGEST_CODE = 2000
"""Characters of a check in Python; the parser has no bound of its own for nesting."""
_GIVES_UP = re.compile(r"\bexit\s+[1-9]")
_ASKS = re.compile(r"\b(?:curl|wget|https?|python[\d.]*)\b")

_CURL_FAILS = frozenset({"--fail", "--fail-with-body"})
_CURL_TAKES = frozenset("AbcCdDeEFhHKmoPQrtTuUwxXyYz")
"""Short options of curl whose value may follow in the same word."""

_CLIENTS = frozenset({"requests", "httpx", "urllib3", "http.client"})
"""Modules that do not raise on an HTTP error unless asked to."""

_LOOKED_AT = frozenset(
    {"code", "getcode", "is_error", "is_success", "ok", "raise_for_status", "status"}
    | {"status_code", "text", "json", "content", "data", "read", "headers"}
)
"""What somebody uses who looks at an answer."""


class Outcome(Enum):
    """How a command ends if the server answers 500."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"


def passes_on_error(words: Sequence[str]) -> bool:
    """Tell whether a check plainly succeeds though the server answers HTTP 500.

    Args:
        words: The command, as a list; of a shell form ("sh", "-c", text).
    """
    return bool(_ASKS.search(" ".join(words))) and _outcome(list(words)) is Outcome.PASSES


def _outcome(words: list[str]) -> Outcome:
    if len(words) >= 3 and PurePosixPath(words[0]).name in _SHELLS:
        for flag, text in pairwise(words[1:]):
            if flag.startswith("-") and flag.endswith("c"):
                return _shell_outcome(text)
        return Outcome.UNKNOWN
    return _program_outcome(words)


# The shell


def _shell_outcome(text: str) -> Outcome:
    joined = text.replace("\\\n", " ").strip()
    if _NOT_FOLLOWED.search(joined):
        always = _ALWAYS.search(joined) and not _GIVES_UP.search(joined)
        return Outcome.PASSES if always else Outcome.UNKNOWN
    try:
        commands = list(_commands(joined))
    except ValueError:  # an open quote, or what runs in the background
        return Outcome.UNKNOWN
    if any(words[0] == "set" for _, words in commands):  # set -e
        return Outcome.UNKNOWN
    return _followed(commands)


def _followed(commands: Sequence[tuple[str, list[str]]]) -> Outcome:
    last = Outcome.PASSES
    for number, (operator, words) in enumerate(commands, 1):
        if (operator, last) in {("&&", Outcome.FAILS), ("||", Outcome.PASSES)}:
            continue
        unsure = operator in {"&&", "||"} and last is Outcome.UNKNOWN
        if words[0] == "exit":
            if unsure and (operator, number) != ("||", len(commands)):
                return Outcome.UNKNOWN
            outcome = _exit(words, last)
            return Outcome.UNKNOWN if unsure and outcome is Outcome.FAILS else outcome
        outcome = _program_outcome(words)
        if unsure and not (operator == "||" and outcome is Outcome.PASSES):
            continue
        last = outcome
    return last


def _exit(words: list[str], last: Outcome) -> Outcome:
    if len(words) == 1 or words[1] == "$?":
        return last
    return Outcome.PASSES if words[1] == "0" else Outcome.FAILS


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Split a line at its operators, and drop redirections; each command with the one before it."""
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=";&|<>")
    lexer.commenters = ""
    lexer.whitespace_split = True
    words: list[str] = []
    operator, skip = ";", False
    for part in lexer:
        if skip:
            skip = False
        elif part in _FOLLOWED:
            if words:
                yield operator, words
            operator, words = part, []
        elif part and set(part) <= set("<>&"):
            if part == "&":
                raise ValueError("a command in the background")
            skip = True
            # the number of what is redirected: 2>/dev/null
            if words and words[-1] in {"1", "2"}:
                words.pop()
        else:
            words.append(part)
    if words:
        yield operator, words


# Programs


def _program_outcome(words: list[str]) -> Outcome:
    words = _unwrapped(words)
    if not words:
        return Outcome.PASSES
    name, arguments = PurePosixPath(words[0]).name, words[1:]
    if name in {"true", ":", "echo", "printf"}:
        return Outcome.PASSES
    if name in {"false", "wget"}:
        return Outcome.FAILS
    if name == "exit":
        return _exit(words, Outcome.UNKNOWN)
    if name == "curl":
        return Outcome.FAILS if _curl_fails(arguments) else Outcome.PASSES
    if name.startswith("python") and "-c" in arguments[:-1]:
        return _python_outcome(arguments[arguments.index("-c") + 1])
    return Outcome.UNKNOWN


def _unwrapped(words: list[str]) -> list[str]:
    rest = list(words)
    while rest:
        name = PurePosixPath(rest[0]).name
        is_wrapper = name in _WRAPPERS
        if not is_wrapper and not re.match(r"\w+=", rest[0]):
            break
        rest.pop(0)
        while is_wrapper and rest and (rest[0].startswith("-") or re.match(r"\d", rest[0])):
            rest.pop(0)
    return rest


def _curl_fails(arguments: Sequence[str]) -> bool:
    """Tell whether curl is asked to take an HTTP error for one."""
    for word in arguments:
        if word.startswith("--"):
            if word in _CURL_FAILS:
                return True
        elif word.startswith("-"):
            for letter in word[1:]:
                if letter == "f":
                    return True
                if letter in _CURL_TAKES:
                    break
    return False


def _python_outcome(code: str) -> Outcome:
    if len(code) > _LONGEST_CODE:
        return Outcome.UNKNOWN
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of somebody else's escapes
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Outcome.UNKNOWN
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.Try | ast.Assert | ast.If | ast.Compare) for node in nodes):
        return Outcome.UNKNOWN
    if _modules(nodes).isdisjoint(_CLIENTS):
        return Outcome.FAILS if "urlopen" in _names(nodes) else Outcome.UNKNOWN
    return Outcome.PASSES if _LOOKED_AT.isdisjoint(_names(nodes)) else Outcome.UNKNOWN


def _modules(nodes: Sequence[ast.AST]) -> frozenset[str]:
    return frozenset(
        name
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        for name in (alias.name, *_from(node, alias))
    )


def _from(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> tuple[str, ...]:
    if isinstance(node, ast.Import) or node.module is None:
        return ()
    return node.module, f"{node.module}.{alias.name}"


def _names(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Give all names and attributes that code uses."""
    return frozenset(
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Name)
    )
