"""Settings: defaults, then ``toolkit.toml`` or ``[tool.toolkit]`` in pyproject.toml, then flags."""

from toolkit.config.reading import load_config, with_flags
from toolkit.config.sets import (
    AGAINST_ITSELF,
    DEFAULT_STACKS,
    DEFAULT_WORKLOADS,
    EVERYTHING,
    QUICK,
    QUICK_TUNE,
    SETS,
)
from toolkit.config.tables import (
    AppConfig,
    BenchConfig,
    CheckConfig,
    Config,
    DeployConfig,
    ImageConfig,
    LintConfig,
    RuntimeConfig,
    ServiceConfig,
    TuneConfig,
)

__all__ = [
    "AGAINST_ITSELF",
    "DEFAULT_STACKS",
    "DEFAULT_WORKLOADS",
    "EVERYTHING",
    "QUICK",
    "QUICK_TUNE",
    "SETS",
    "AppConfig",
    "BenchConfig",
    "CheckConfig",
    "Config",
    "DeployConfig",
    "ImageConfig",
    "LintConfig",
    "RuntimeConfig",
    "ServiceConfig",
    "TuneConfig",
    "load_config",
    "with_flags",
]
