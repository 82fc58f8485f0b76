"""Commands of ``flask --app wsgi``, beside ``flask db`` of Flask-Migrate."""

from pathlib import Path

import click
import psycopg
import work
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import IntegrityError

from inventory.extensions import db
from inventory.models import User

_SEED = Path(work.__file__).with_name("seed.sql")
_LEAST_PASSWORD = 12


def install(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(seed)
    app.cli.add_command(create_user)


@click.command
@click.confirmation_option(prompt="This replaces all assets. Go on?")
@with_appcontext
def seed() -> None:
    """Fill the table of assets with the 10,000 of the benchmark."""
    with psycopg.connect(_database_url()) as connection:
        connection.execute(_SEED.read_text(encoding="utf-8"))
    click.echo("Seeded.")


@click.command("create-user")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May import assets and see the state of the services.")
@click.password_option()
@with_appcontext
def create_user(name: str, admin: bool, password: str) -> None:
    """Create the user NAME; asks for the password."""
    _database_url()
    if len(password) < _LEAST_PASSWORD:
        raise click.ClickException(f"The password needs at least {_LEAST_PASSWORD} characters.")
    user = User(name=name, is_admin=admin)
    user.set_password(password)
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError as error:
        raise click.ClickException(f"There is a user {name!r} already.") from error
    click.echo(f"Created {name}.")


def _database_url() -> str:
    url: str = current_app.config["DATABASE_URL"]
    if not url:
        raise click.ClickException("DATABASE_URL is not set.")
    return url
