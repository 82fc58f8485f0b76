"""Look for the configuration that meets an objective: search, rounds, finals, decision.

What to do next is decided by ``toolkit.tuning``; here it is done, and stored after every trial.
"""

from toolkit.tune.course import run_tune
from toolkit.tune.settings import TuneSettings, estimate, reference_of, require_servers

__all__ = ["TuneSettings", "estimate", "reference_of", "require_servers", "run_tune"]
