"""A place among the tokens of a shell's text."""

from collections.abc import Sequence

from toolkit.lint.shell.tree import Operator, Token, Word
from toolkit.reading import ReadError


class Cursor:
    """A place that goes on from token to token."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def word(self) -> Word:
        """Take a word."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if not isinstance(token, Word):
            raise self.error("a word is missing")
        self.at += 1
        return token

    def is_word(self, at: int) -> bool:
        """Tell whether a word stands at a place."""
        return at < len(self.tokens) and isinstance(self.tokens[at], Word)

    def keyword(self) -> str | None:
        """Give the word here if it may be a keyword."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        return token.literal if isinstance(token, Word) else None

    def operator(self, at: int | None = None) -> str | None:
        """Give the operator here, "" for a word, None at the end."""
        at = self.at if at is None else at
        if at >= len(self.tokens):
            return None
        token = self.tokens[at]
        return token.text if isinstance(token, Operator) else ""

    def skip_lines(self) -> None:
        """Pass over ends of lines."""
        while self.operator() == "\n":
            self.at += 1

    def take(self, operator: str) -> None:
        """Pass over an operator that has to stand here."""
        if self.operator() != operator:
            raise self.error(f"{operator} is missing")
        self.at += 1

    def take_word(self, keyword: str) -> None:
        """Pass over a keyword that has to stand here."""
        self.skip_lines()
        if self.keyword() != keyword:
            raise self.error(f"{keyword} is missing")
        self.at += 1

    def error(self, reason: str) -> ReadError:
        """Make an error of what stands here."""
        last = self.tokens[min(self.at, len(self.tokens) - 1)].line if self.tokens else 0
        return ReadError(reason, last)
