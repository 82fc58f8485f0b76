"""What goes wrong with the other service, whatever client calls it."""


class UpstreamError(Exception):
    """There was no answer, or not a good one."""
