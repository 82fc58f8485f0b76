"""What is said of the upstream that delays, wherever it runs."""

from toolkit.measured import BackingFacts
from toolkit.model import Need


def upstream_facts(where: str) -> BackingFacts:
    """Say what it is, and what it runs on."""
    return BackingFacts(
        need=Need.UPSTREAM.value,
        summary=f"an HTTP service that answers after the delay it is told, never earlier ({where})",
    )
