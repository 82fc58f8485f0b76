"""The commands of a POSIX shell's text: lists, pipelines, ``if``, ``case``, loops, functions."""

import re

from toolkit.lint.shell.cursor import Cursor
from toolkit.lint.shell.tree import (
    Case,
    Function,
    Group,
    If,
    Item,
    Loop,
    Node,
    Operator,
    Pipeline,
    Script,
    Simple,
    Text,
    Token,
    Word,
)
from toolkit.lint.shell.words import tokens_of
from toolkit.reading import ReadError

_MOST_NESTED = 40
_MOST_LETTERS = 100_000
_REDIRECTIONS = frozenset({"<", ">", ">>", ">|", "<&", ">&", "<>", "&>", "&>>", "<<", "<<-", "<<<"})
_ENDS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)(\+?)=")


def parse(text: str, line: int = 1) -> Script:
    """Read a shell's text.

    Args:
        text: A script, or what is given to ``-c``.
        line: That it begins in.

    Raises:
        ReadError: It is not a shell's, is too long, or is nested too deeply.
    """
    if len(text) > _MOST_LETTERS:
        raise ReadError(f"a script of more than {_MOST_LETTERS:,} characters")
    parser = _Parser(list(tokens_of(text, line)))
    script = parser.script()
    parser.expect_end()
    return script


class _Parser(Cursor):
    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.depth = 0

    def script(self) -> Script:
        """Read commands up to a word or an operator that ends what they stand in."""
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise self.error("nested too deeply")
        items: list[Item] = []
        after = ""
        while True:
            self.skip_lines()
            if self.keyword() in _ENDS or self.operator() in (")", ";;", ";&", ";;&", None):
                break
            node = self._pipeline()
            follows = self.operator()
            items.append(Item(node, after, background=follows == "&"))
            after = follows if follows in ("&&", "||") else ""
            if follows in (";", "&", "&&", "||", "\n"):
                self.at += 1
        self.depth -= 1
        return tuple(items)

    def expect_end(self) -> None:
        """Refuse what is left: a keyword or parenthesis without its beginning."""
        if self.at < len(self.tokens):
            raise self.error("not a script of a POSIX shell")

    def _pipeline(self) -> Node:
        negated = self.keyword() == "!"
        if negated:
            self.at += 1
        commands = [self._command()]
        while self.operator() in ("|", "|&"):
            self.at += 1
            self.skip_lines()
            commands.append(self._command())
        if len(commands) == 1 and not negated:
            return commands[0]
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Node:
        node = self._compound()
        if node is None:
            return self._simple()
        while self.operator() in _REDIRECTIONS:
            self._redirection()
        return node

    def _compound(self) -> Node | None:
        keyword = self.keyword()
        if self.operator() == "(":
            self.at += 1
            body = self.script()
            self.take(")")
            return Group(body, subshell=True)
        if keyword == "{":
            self.at += 1
            body = self.script()
            self.take_word("}")
            return Group(body, subshell=False)
        if keyword == "if":
            return self._if()
        if keyword in ("while", "until"):
            self.at += 1
            condition = self.script()
            return Loop(condition, self._do())
        if keyword in ("for", "select"):
            return self._for()
        if keyword == "case":
            return self._case()
        return self._function(keyword)

    def _if(self) -> If:
        branches: list[tuple[Script | None, Script]] = []
        while self.keyword() in ("if", "elif"):
            self.at += 1
            condition = self.script()
            self.take_word("then")
            branches.append((condition, self.script()))
        if self.keyword() == "else":
            self.at += 1
            branches.append((None, self.script()))
        self.take_word("fi")
        return If(tuple(branches))

    def _do(self) -> Script:
        self.take_word("do")
        body = self.script()
        self.take_word("done")
        return body

    def _for(self) -> Loop:
        while self.keyword() != "do":
            if self.at >= len(self.tokens):
                raise self.error("for without do")
            self.at += 1
        return Loop((), self._do())

    def _case(self) -> Case:
        self.at += 1
        word = self.word()
        self.skip_lines()
        self.take_word("in")
        arms: list[tuple[tuple[Word, ...], Script]] = []
        self.skip_lines()
        while self.keyword() != "esac":
            if self.operator() == "(":
                self.at += 1
            patterns = [self.word()]
            while self.operator() == "|":
                self.at += 1
                patterns.append(self.word())
            self.take(")")
            arms.append((tuple(patterns), self.script()))
            if self.operator() in (";;", ";&", ";;&"):
                self.at += 1
            self.skip_lines()
        self.at += 1
        return Case(word, tuple(arms))

    def _function(self, keyword: str | None) -> Function | None:
        named = keyword == "function"
        at = self.at + named
        name = self.tokens[at].literal if self.is_word(at) else None  # type: ignore[union-attr]
        opens = self.operator(at + 1) == "(" and self.operator(at + 2) == ")"
        if name is None or not (opens or named):
            return None
        self.at = at + (3 if opens else 1)
        self.skip_lines()
        return Function(name, (Item(self._command()),))

    def _simple(self) -> Simple:
        line = self.tokens[self.at].line if self.at < len(self.tokens) else 0
        assigned: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirected = False
        while True:
            if self.operator() in _REDIRECTIONS:
                self._redirection()
                redirected = True
            elif not self.is_word(self.at):
                break
            else:
                word = self.word()
                pair = _assignment(word) if not words else None
                if pair is None:
                    words.append(word)
                    if len(words) == 1 and word.literal == "[[":
                        words.extend(self._test())
                else:
                    assigned.append(pair)
                    self._skip_array(pair[1])
        if not (assigned or words or redirected):
            raise self.error("not a script of a POSIX shell")
        return Simple(tuple(assigned), tuple(words), line, redirected)

    def _test(self) -> list[Word]:
        """Take all up to ``]]``, where operators are none of a list's."""
        words: list[Word] = []
        while not (words and words[-1].literal == "]]"):
            if self.at >= len(self.tokens):
                raise self.error("]] is missing")
            token = self.tokens[self.at]
            if isinstance(token, Operator):
                token = Word((Text(token.text),), token.line)
            words.append(token)
            self.at += 1
        return words

    def _skip_array(self, value: Word) -> None:
        """Pass over the elements of bash's ``NAME=(a b)``."""
        if value.parts or self.operator() != "(":
            return
        while self.operator() != ")":
            if self.at >= len(self.tokens):
                raise self.error("( is not closed")
            self.at += 1
        self.at += 1

    def _redirection(self) -> None:
        self.at += 1
        self.word()


def _assignment(word: Word) -> tuple[str, Word] | None:
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Text) or first.quoted:
        return None
    found = _ASSIGNED.match(first.text)
    if found is None:
        return None
    rest = first.text[found.end() :]
    parts = ((Text(rest),) if rest else ()) + word.parts[1:]
    if found[2]:  # +=: what it was is not looked up
        return found[1], Word((*parts, Text("$")), word.line)
    return found[1], Word(parts, word.line)
