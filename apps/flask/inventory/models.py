"""What is stored. ``flask db migrate`` compares these classes with the database."""

from __future__ import annotations

from functools import cache

from flask_login import UserMixin
from sqlalchemy import Sequence, String, select
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from inventory.extensions import db

# The seed's ids are given; those of new assets start above them. The table itself has no default,
# because it is the same in every reference app (``apps/shared/schema.sql``).
ASSET_IDS = Sequence("asset_id", start=1_000_000, metadata=db.metadata)


class Asset(db.Model):
    """A thing that the company owns, and where it is."""

    __tablename__ = "asset"

    id: Mapped[int] = mapped_column(ASSET_IDS, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    site: Mapped[str] = mapped_column(String(32))
    value_cents: Mapped[int]
    moves: Mapped[int] = mapped_column(default=0)


class User(UserMixin, db.Model):
    """Somebody who may log in. The password is stored as a salted scrypt hash only."""

    __tablename__ = "user_account"  # "user" is a reserved word of SQL

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)

    def set_password(self, password: str) -> None:
        """Store the hash of a new password."""
        self.password_hash = generate_password_hash(password)

    @classmethod
    def authenticate(cls, name: str, password: str) -> User | None:
        """Give the user if the password is theirs.

        An unknown name costs a hash too: the time of an answer does not tell which names exist.
        """
        user = db.session.scalar(select(cls).filter_by(name=name))
        matches = check_password_hash(user.password_hash if user else _hash_of_nobody(), password)
        return user if matches else None


@cache
def _hash_of_nobody() -> str:
    return generate_password_hash("")
