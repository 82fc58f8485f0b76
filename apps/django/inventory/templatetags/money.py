"""``{% load money %}``."""

from django import template

register = template.Library()


@register.filter
def money(cents: int) -> str:
    """Write an amount of cents with its two decimals."""
    return f"{cents // 100}.{cents % 100:02}"
