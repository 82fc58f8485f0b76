"""Settings of an app of the user's own, as files and flags say them together."""

from dataclasses import replace
from pathlib import Path

from toolkit.cli.variables import read_file, read_variables
from toolkit.config import AppConfig


def is_described(app: AppConfig) -> bool:
    """Tell whether settings describe an app of the user's own."""
    return bool(app.target or app.get or app.post or app.locustfile)


def beside_settings(app: AppConfig, folder: Path) -> AppConfig:
    """Find the files that settings name beside the settings, wherever the command is given."""
    post = (text.rpartition("=@") for text in app.post)
    return replace(
        app,
        locustfile=str(folder / app.locustfile) if app.locustfile else "",
        post=tuple(f"{a}{is_file}{folder / b if is_file else b}" for a, is_file, b in post),
    )


def own_settings(
    app: AppConfig,
    target: str,
    servers: tuple[str, ...] | None,
    env_file: Path | None,
    variables: tuple[str, ...],
) -> AppConfig:
    """Lay what the command line says over the settings of an app of the user's own.

    Raises:
        ConfigError: A variable has no value.
    """
    of_file = {} if env_file is None else read_file(env_file)
    return replace(
        app,
        target=target or app.target,
        servers=servers or app.servers,
        environment={**app.environment, **of_file, **read_variables(variables)},
    )
