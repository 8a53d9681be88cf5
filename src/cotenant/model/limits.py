"""LimitRange items as the API server stores them."""

from __future__ import annotations

from cotenant.api.limits import LimitItem

Amounts = dict[str, str]


def filled(item: LimitItem) -> dict[str, object]:
    """The item with the defaults that the API server would fill in, so that what we want equals what is stored.

    Source: `SetDefaults_LimitRangeItem`, kubernetes pkg/apis/core/v1/defaults.go.
    """
    highest, lowest = text(item.max), text(item.min)
    default, request = text(item.default), text(item.default_request)
    if item.type == "Container":
        default = highest | default
        request = lowest | default | request
    parts: dict[str, Amounts] = {
        "default": default,
        "defaultRequest": request,
        "min": lowest,
        "max": highest,
        "maxLimitRequestRatio": text(item.max_limit_request_ratio),
    }
    return {"type": item.type, **{key: amounts for key, amounts in parts.items() if amounts}}


def text(amounts: dict[str, str | int] | None) -> Amounts:
    """Amounts as text: a LimitRange stores no numbers."""
    return {key: str(value) for key, value in (amounts or {}).items()}
