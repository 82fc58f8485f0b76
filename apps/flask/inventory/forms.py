"""The HTML forms; each carries a CSRF token."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import Field, Form, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, Length, ValidationError


def _storable(form: Form, field: Field) -> None:
    if "\0" in field.data:
        raise ValidationError("A character that cannot be stored.")


class LoginForm(FlaskForm):
    """Name and password. Long passwords are refused: hashing them is work."""

    name = StringField("Name", validators=[DataRequired(), Length(max=80), _storable])
    password = PasswordField("Password", validators=[DataRequired(), Length(max=1024)])
    submit = SubmitField("Log in")


class LogoutForm(FlaskForm):
    """A button: logging out by a link could be done by any foreign page."""

    submit = SubmitField("Log out")


class ImportForm(FlaskForm):
    """A file of assets."""

    file = FileField("CSV file", validators=[FileRequired(), FileAllowed(["csv"], "A .csv file")])
    submit = SubmitField("Import")
