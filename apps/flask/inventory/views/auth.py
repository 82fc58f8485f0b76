"""Blueprint of logging in and out, with Flask-Login."""

from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, login_required, login_user, logout_user
from werkzeug.wrappers import Response

from inventory.errors import wants_json
from inventory.extensions import db, require_database
from inventory.forms import LoginForm, LogoutForm
from inventory.models import User
from inventory.signals import login_failed
from inventory.views import admin

blueprint = Blueprint("auth", __name__)
blueprint.before_request(require_database)


def install(app: Flask) -> None:
    """Add ``current_user``, these pages and those that need a user."""
    login = LoginManager(app)
    login.user_loader(_load_user)
    login.unauthorized_handler(_ask_to_log_in)
    app.register_blueprint(blueprint)
    app.register_blueprint(admin.blueprint)


def _load_user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id)) if current_app.config["DATABASE_URL"] else None


def _ask_to_log_in() -> Response:
    if wants_json():
        abort(401, "log in first")
    return redirect(url_for("auth.login", next=request.full_path.rstrip("?")))


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> str | Response | tuple[str, int]:
    """Show the form; with a right password start a session and go where the user wanted to."""
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("login.html", form=form), 400 if form.errors else 200
    user = User.authenticate(form.name.data, form.password.data)
    if user is None:
        login_failed.send(current_app._get_current_object(), name=form.name.data)  # noqa: SLF001 - Flask documents it for this
        flash("Wrong name or password.")
        return render_template("login.html", form=form), 401
    session.clear()  # nothing of who was here before
    login_user(user)
    return redirect(local(request.args.get("next")) or url_for("auth.account"))


@blueprint.post("/logout")
def logout() -> Response:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"))


@blueprint.get("/account")
@login_required
def account() -> str:
    """Show who is logged in."""
    return render_template("account.html", form=LogoutForm())


def local(target: str | None) -> str | None:
    r"""Give a target that stays on this site, else nothing: a login must not send users elsewhere.

    Browsers read a backslash as a slash, so ``/\host`` leaves the site just as ``//host`` does.
    """
    if not target or not target.startswith("/") or "\\" in target or target.startswith("//"):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target
