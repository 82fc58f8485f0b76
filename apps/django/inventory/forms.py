"""What may come in, as Django forms."""

from typing import Any

import database
import work
from assets import KINDS
from django import forms
from django.core.exceptions import ValidationError

_MOST_DELAY_MS = 60_000


class TextField(forms.CharField):
    """Text in JSON: as it is, and no other type; a form field would make text of anything."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of CharField
        super().__init__(strip=False, **options)

    def to_python(self, value: object) -> str:
        """Take only text that UTF-8 has: JSON can escape half a surrogate pair.

        Raises:
            ValidationError: It is something else.
        """
        if value is not None and not isinstance(value, str):
            raise ValidationError("a string is needed")
        try:
            (value or "").encode()
        except UnicodeEncodeError as error:
            raise ValidationError("this is not valid Unicode") from error
        return super().to_python(value)


class WholeNumberField(forms.IntegerField):
    """A number in JSON; a form field would take ``"7"`` and ``7.0`` too."""

    def to_python(self, value: object) -> int | None:
        """Take only whole numbers.

        Raises:
            ValidationError: It is something else.
        """
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValidationError("a whole number is needed")
        return value


class NumbersField(forms.Field):
    """Whole numbers with commas between."""

    def __init__(self, *, most: int) -> None:
        super().__init__()
        self.most = most

    def to_python(self, value: str | None) -> list[int]:
        """Read them.

        Raises:
            ValidationError: They are too many, or one is no number.
        """
        texts = value.split(",") if value else []
        if len(texts) > self.most:
            raise ValidationError(f"at most {self.most} numbers are answered")
        try:
            return [int(text) for text in texts]
        except ValueError as error:
            raise ValidationError("whole numbers with commas between are needed") from error


class NewAsset(forms.Form):
    """The body of a creation."""

    name = TextField(max_length=80)
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    value_cents = WholeNumberField(min_value=0)


class Move(forms.Form):
    """The body of a move."""

    site = TextField(max_length=32)


class Login(forms.Form):
    """The body of a login."""

    name = TextField()
    password = TextField()


class AssetIds(forms.Form):
    """Query string of several rows."""

    ids = NumbersField(most=database.MOST_IDS)


class Rows(forms.Form):
    """Query string of a large answer."""

    rows = forms.IntegerField(min_value=1, max_value=work.MOST_ROWS)


class Rounds(forms.Form):
    """Query string of work."""

    rounds = forms.IntegerField(min_value=0, max_value=work.MOST_ROUNDS, required=False)


class Chunks(forms.Form):
    """Query string of a streamed answer."""

    chunks = forms.IntegerField(min_value=0, max_value=work.MOST_CHUNKS, required=False)


class Call(forms.Form):
    """Query string of a call of the upstream service."""

    delay_ms = forms.IntegerField(min_value=0, max_value=_MOST_DELAY_MS)
    token = forms.CharField(required=False, strip=False)
