"""The words and operators of a POSIX shell's text, with their lines.

Python's shlex knows neither substitutions nor operators as a shell has them, and the parsers of
shells that the index offers are under the GPL or run code of their own. Here is what it takes to
find the command that a script starts; nothing is executed.
"""

import re
from collections.abc import Iterator

from toolkit.lint.shell.tree import Computed, Operator, Part, Text, Token, Variable, Word
from toolkit.reading import ReadError

_MOST_NESTED = 20

_OPERATORS = re.compile(r"&&|\|\||;;&?|;&|\|&|&>>?|<<<|<<-?|>>|>\||[<>]&|<>|[;&|()<>\n]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]|[@*#?$!-]")
_IN_BRACES = re.compile(r"(?P<name>[A-Za-z_]\w*|[0-9]+|[@*])(?P<op>:?[-=+?]|$)")
_ARROWS = ("<", ">")
_ENDS_WORD = frozenset(" \t\n;&|()<>")
_ENDS_PLAIN = _ENDS_WORD | frozenset("\\'\"$`")


def tokens_of(text: str, line: int = 1) -> Iterator[Token]:
    """Split a shell's text.

    Args:
        text: A script, or what is given to ``-c``.
        line: That it begins in.

    Raises:
        ReadError: A quote or a parenthesis is not closed, or they are nested too deeply.
    """
    return _Scanner(text, line).tokens()


class _Scanner:
    def __init__(self, text: str, line: int, depth: int = 0) -> None:
        if depth > _MOST_NESTED:
            raise ReadError("substitutions are nested too deeply", line)
        self.text = text
        self.at = 0
        self.line = line
        self.depth = depth
        self.here: list[tuple[str, bool]] = []

    def tokens(self) -> Iterator[Token]:
        expects: bool | None = None  # after << or <<-: whether tabs are taken off
        while self._skip_blanks():
            found = _OPERATORS.match(self.text, self.at)
            if found is None or self.text[self.at : self.at + 2] in ("<(", ">("):
                word = self._word() if found is None else self._process()
                if (word.literal or "").isdecimal() and self.text[self.at : self.at + 1] in _ARROWS:
                    continue  # the descriptor in 2>&1
                if expects is not None:
                    self.here.append((_plain(word), expects))
                    expects = None
                yield word
                continue
            yield Operator(found[0], self.line)
            self.at = found.end()
            expects = found[0] == "<<-" if found[0] in ("<<", "<<-") else None
            if found[0] == "\n":
                self.line += 1
                self._skip_documents()

    def _skip_blanks(self) -> bool:
        """Go to the next token; tell whether there is one."""
        text = self.text
        while self.at < len(text):
            if text[self.at] in " \t\r":
                self.at += 1
            elif text.startswith("\\\n", self.at):
                self.at += 2
                self.line += 1
            elif text[self.at] == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            else:
                return True
        return False

    def _skip_documents(self) -> None:
        for delimiter, tabs in self.here:
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                content = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                self.line += 1
                if (content.lstrip("\t") if tabs else content) == delimiter:
                    break
        self.here.clear()

    def _word(self) -> Word:
        line = self.line
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] not in _ENDS_WORD:
            end = self.at
            while end < len(self.text) and self.text[end] not in _ENDS_PLAIN:
                end += 1
            if end > self.at:
                parts.append(Text(self.text[self.at : end]))
                self.at = end
            else:
                parts.extend(self._quoted(self.text[self.at]))
        return Word(tuple(parts), line)

    def _quoted(self, char: str) -> Iterator[Part]:
        """Read what begins with a quote, a backslash or a dollar sign."""
        if char == "'":
            yield Text(self._until_quote(), quoted=True)
        elif char == '"':
            self.at += 1
            yield from self._in_quotes()
        elif char == "\\":
            escaped = self.text[self.at + 1 : self.at + 2]
            self.at += 2
            self.line += escaped == "\n"
            if escaped != "\n":
                yield Text(escaped, quoted=True)
        else:
            yield self._substitution(quoted=False)

    def _process(self) -> Word:
        """Read ``<(...)`` of bash."""
        line = self.line
        return Word((self._computed(self._closing(self.at + 1), quoted=True),), line)

    def _until_quote(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise ReadError("a quote ' is not closed", self.line)
        inside = self.text[self.at + 1 : end]
        self.line += inside.count("\n")
        self.at = end + 1
        return inside

    def _in_quotes(self) -> Iterator[Part]:
        """Read on to the closing ``"``."""
        began = self.line
        plain: list[str] = []
        yield Text("", quoted=True)  # so that "" is a word
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                yield Text("".join(plain), quoted=True)
                return
            if char in "$`":
                yield Text("".join(plain), quoted=True)
                plain.clear()
                yield self._substitution(quoted=True)
                continue
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                self.at += 1
                char = self.text[self.at]
            if char != "\n" or self.text[self.at - 1] != "\\":
                plain.append(char)
            self.line += char == "\n"
            self.at += 1
        raise ReadError('a quote " is not closed', began)

    def _substitution(self, *, quoted: bool) -> Part:
        start, text = self.at, self.text
        if text[start] == "`":
            end = text.find("`", start + 1)
            if end < 0:
                raise ReadError("a quote ` is not closed", self.line)
            return self._computed(end + 1, quoted=quoted)
        follows = text[start + 1 : start + 2]
        if follows == "(":
            return self._computed(self._closing(start + 1), quoted=quoted)
        if follows == "{":
            return self._braces(self._closing(start + 1), quoted=quoted)
        if follows == "'" and not quoted:
            self.at += 1
            return Text(self._until_quote(), quoted=True)
        found = _NAME.match(text, start + 1)
        if found is None:
            self.at += 1
            return Text("$", quoted=True)
        self.at = found.end()
        return Variable(found[0], f"${found[0]}", quoted)

    def _computed(self, end: int, *, quoted: bool) -> Computed:
        raw = self.text[self.at : end]
        self.line += raw.count("\n")
        self.at = end
        return Computed(raw, quoted)

    def _braces(self, end: int, *, quoted: bool) -> Part:
        line = self.line
        part = self._computed(end, quoted=quoted)
        inside = part.raw[2:-1]
        found = _IN_BRACES.match(inside)
        if found is None:
            return part
        inner = _Scanner(inside[found.end() :], line, self.depth + 1)
        instead = inner.whole(quoted=quoted)
        return Variable(found["name"], part.raw, quoted, found["op"], instead)

    def whole(self, *, quoted: bool) -> Word:
        """Take all that there is as one word: what stands after ``:-`` in braces."""
        line = self.line
        if quoted:
            # a second " within would end the first, but people write "${A:-"b"}" all the same
            self.text = self.text.replace('"', "") + '"'
            return Word(tuple(self._in_quotes()), line)
        parts: list[Part] = []
        while self.at < len(self.text):
            if self.text[self.at] in _ENDS_WORD:
                parts.append(Text(self.text[self.at]))
                self.at += 1
            else:
                parts.extend(self._word().parts)
        return Word(tuple(parts), line)

    def _closing(self, opened: int) -> int:
        """Find the end of what begins with a parenthesis or brace, quotes in it heeded."""
        text, at, waiting = self.text, opened, [""]
        while at < len(text):
            char = text[at]
            if char == "\\" and waiting[-1] != "'":
                at += 2
                continue
            if char == waiting[-1]:
                waiting.pop()
                if len(waiting) == 1:
                    return at + 1
            elif waiting[-1] == "'":
                pass
            elif char in "({" and (waiting[-1] != '"' or text[at - 1] == "$"):
                waiting.append(")" if char == "(" else "}")
            elif char in "\"'" and not (char == "'" and waiting[-1] == '"'):
                waiting.append(char)
            at += 1
        raise ReadError(f"{text[opened]} is not closed", self.line)


def _plain(word: Word) -> str:
    return "".join(part.text if isinstance(part, Text) else part.raw for part in word.parts)
