"""Bodies of requests and answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StrictInt


class NewAsset(BaseModel):
    """The body of a creation."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Literal["laptop", "monitor", "phone", "printer", "server"]
    value_cents: Annotated[StrictInt, Field(ge=0)]


class CreatedAsset(NewAsset):
    """The answer to a creation."""

    id: int
    status: str


class ListedAsset(BaseModel):
    """One asset of the list."""

    id: int
    name: str
    kind: str
    site: str
    status: str
    serial: str
    value_cents: int
    insured: bool


class StoredAsset(BaseModel):
    """One row of the database."""

    id: int
    name: str
    kind: str
    site: str
    value_cents: int
    moves: int


class Move(BaseModel):
    """The body of a move."""

    # PostgreSQL's text cannot hold a NUL
    site: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\x00]*$")]


class MovedAsset(BaseModel):
    """The answer to a move: what has changed."""

    id: int
    site: str
    moves: int


class Credentials(BaseModel):
    """The body of a login."""

    name: Annotated[str, Field(max_length=80)]
    password: Annotated[str, Field(max_length=256)]


class User(BaseModel):
    """Who is logged in."""

    user: str


class Page(BaseModel):
    """A page of a user."""

    user: str
    page: int


class Checksum(BaseModel):
    """The result of ``/cpu``."""

    rounds: int
    checksum: int


class Received(BaseModel):
    """What came with an upload."""

    bytes: int
    crc32: int


class Health(BaseModel):
    """Whether the process serves, or can do its work."""

    status: str
