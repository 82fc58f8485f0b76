from collections.abc import Iterator

import pytest
import work
from flask import Flask
from flask.testing import FlaskClient
from inventory.extensions import db
from inventory.models import Asset
from sqlalchemy import event


def test_a_stream_is_sent_piece_by_piece_as_it_is_made(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def chunks(count: int) -> Iterator[bytes]:
        for number in range(count):
            made.append(number)
            yield b"x"

    monkeypatch.setattr(work, "chunks", chunks)
    with client.get("/stream?chunks=1000", buffered=False) as answer:
        pieces = answer.iter_encoded()
        assert [next(pieces), next(pieces)] == [b"x", b"x"]
        # the test client has asked for the first one to see whether the app fails
        assert len(made) <= 3


def test_a_stream_has_no_length_given_beforehand(client: FlaskClient) -> None:
    assert client.get("/stream?chunks=2").content_length is None


def test_the_export_reads_the_database_as_it_is_sent(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        for number in range(1, 2001):
            db.session.add(Asset(id=number, name="x", kind="phone", site="oslo", value_cents=1))
        db.session.commit()
    loaded = []

    def count(asset: Asset, context: object) -> None:
        loaded.append(asset)

    event.listen(Asset, "load", count)
    try:
        with client.get("/assets.csv", buffered=False) as answer:
            pieces = answer.iter_encoded()
            next(pieces)
            next(pieces)
            assert 0 < len(loaded) < 2000
            assert 2 + len(list(pieces)) == 2001
    finally:
        event.remove(Asset, "load", count)


def test_too_many_chunks_are_refused(client: FlaskClient) -> None:
    assert client.get(f"/stream?chunks={work.MOST_CHUNKS + 1}").status_code == 400
