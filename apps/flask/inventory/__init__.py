"""An inventory of assets: how a large Flask project is organised, see ``docs/reference-app.md``."""

import assets
import work
from flask import Flask

from inventory import cli, config, converters, errors, extensions, features, logs, pools, proxy
from inventory.views import api, ops, pages, rows, sessions
from inventory.views import work as work_views


def create_app(
    configuration: str | type[config.Config] | None = None, **overrides: object
) -> Flask:
    """Build the application.

    Args:
        configuration: One of ``config.Config``'s classes or its name; by default ``APP_CONFIG`` of
            the environment says which.
        overrides: Single settings that differ from it, for tests.

    Raises:
        config.ConfigurationError: There is no such configuration, or it lacks a secret key.
    """
    app = Flask(__name__, static_folder=work.STATIC)
    app.config.from_object(config.choose(configuration))
    app.config.update(overrides)
    config.check(app.config)

    logs.configure(app)
    proxy.install(app)
    pools.install(app)
    extensions.install(app)
    converters.install(app)
    app.extensions["asset_store"] = assets.AssetStore()

    features.install(app)
    for module in (api, pages, ops, work_views, sessions, rows):
        app.register_blueprint(module.blueprint)
    errors.install(app)
    cli.install(app)
    return app
