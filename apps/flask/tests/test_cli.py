from flask import Flask
from inventory.extensions import db
from inventory.models import Asset, User
from sqlalchemy import func, select


def _user(app: Flask, name: str) -> User | None:
    with app.app_context():
        return db.session.scalar(select(User).filter_by(name=name))


def _assets(app: Flask) -> int | None:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Asset))


def test_seed_stores_the_assets_of_the_benchmark(app: Flask) -> None:
    assert "Seeded" in app.test_cli_runner().invoke(args=["seed", "--yes"]).output
    assert _assets(app) == 10_000


def test_seed_asks_before_it_replaces_anything(app: Flask) -> None:
    assert app.test_cli_runner().invoke(args=["seed"], input="n\n").exit_code == 1
    assert _assets(app) == 0


def test_create_user_stores_a_user_who_can_log_in(app: Flask) -> None:
    typed = "long enough for me\n" * 2
    app.test_cli_runner().invoke(args=["create-user", "mary"], input=typed)
    with app.app_context():
        assert User.authenticate("mary", "long enough for me")


def test_create_user_does_not_show_the_password(app: Flask) -> None:
    typed = "long enough for me\n" * 2
    result = app.test_cli_runner().invoke(args=["create-user", "mary"], input=typed)
    assert "long enough" not in result.output


def test_create_user_makes_administrators_only_when_told_to(app: Flask) -> None:
    typed = "long enough for me\n" * 2
    for name, option in (("mary", []), ("joan", ["--admin"])):
        app.test_cli_runner().invoke(args=["create-user", name, *option], input=typed)
    assert [_user(app, name).is_admin for name in ("mary", "joan")] == [False, True]  # type: ignore[union-attr]


def test_create_user_refuses_a_name_that_is_taken(app: Flask, users: None) -> None:
    typed = "long enough for me\n" * 2
    result = app.test_cli_runner().invoke(args=["create-user", "grace"], input=typed)
    assert result.exit_code == 1
    assert "There is a user 'grace' already" in result.output


def test_create_user_refuses_a_short_password(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["create-user", "mary"], input="short\nshort\n")
    assert _user(app, "mary") is None
