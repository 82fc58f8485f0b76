"""Blueprint ``/admin``: for users who are administrators."""

import asyncio

import aioupstream
import database
import psycopg
from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask_login import current_user, login_required
from upstream_error import UpstreamError
from werkzeug.wrappers import Response

from inventory import csvfile
from inventory.extensions import db, require_database
from inventory.forms import ImportForm
from inventory.pools import database_pool
from inventory.signals import assets_imported

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
blueprint.before_request(require_database)


@blueprint.before_request
@login_required
def require_admin() -> None:
    """Guard every view of this blueprint: what is added later cannot be forgotten."""
    if not current_user.is_admin:
        abort(403, "Only administrators may do this.")


@blueprint.route("/import", methods=["GET", "POST"])
def import_assets() -> str | Response | tuple[str, int]:
    """Store the assets of an uploaded CSV file: all of them, or none."""
    form = ImportForm()
    if not form.validate_on_submit():
        return render_template("import.html", form=form), 400 if form.errors else 200
    try:
        found = csvfile.read(form.file.data.stream)
    except ValueError as error:
        flash(str(error))
        return render_template("import.html", form=form), 422
    db.session.add_all(found)
    db.session.commit()
    app = current_app._get_current_object()  # noqa: SLF001 - Flask documents it for signals
    assets_imported.send(app, user=current_user, count=len(found))
    flash(f"Imported {len(found)} assets.")
    return redirect(url_for("admin.import_assets"))


@blueprint.get("/status")
async def status() -> dict[str, str]:
    """Ask database and upstream at the same time and say how they are.

    An async view waits for several things together, but holds its worker while it does: it does
    not make Flask serve more requests. Each call has an event loop of its own, so what is bound
    to a loop (here: the HTTP client) cannot be kept from one request to the next.
    """
    pool = database_pool()
    answers = await asyncio.gather(asyncio.to_thread(_database, pool), _upstream())
    return dict(zip(("database", "upstream"), answers, strict=True))


def _database(pool: database.ConnectionPool) -> str:
    try:
        database.ping(pool)
    except psycopg.Error:
        return "does not answer"
    return "ok"


async def _upstream() -> str:
    if not current_app.config["UPSTREAM_URL"]:
        return "not configured"
    try:
        async with aioupstream.make_client() as client:
            await aioupstream.call(client, 0, "status")
    except UpstreamError:
        return "does not answer"
    return "ok"
