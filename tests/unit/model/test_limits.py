from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.api.limits import LimitItem
from cotenant.model.limits import filled

ITEMS = [
    # what the tenant says, what the API server stores
    ({"type": "Container"}, {}),
    ({"type": "Container", "max": {"cpu": "4"}}, {"max": {"cpu": "4"}, "default": {"cpu": "4"}, "defaultRequest": {"cpu": "4"}}),
    ({"type": "Container", "min": {"cpu": "1"}}, {"min": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}),
    ({"type": "Container", "default": {"cpu": 1}}, {"default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}),
    ({"type": "Container", "default": {"cpu": "2"}, "min": {"cpu": "1"}}, {"default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}, "min": {"cpu": "1"}}),
    ({"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}, "max": {"cpu": "4"}},
     {"default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}, "max": {"cpu": "4"}}),
    ({"type": "Pod", "max": {"cpu": "4"}}, {"max": {"cpu": "4"}}),
    ({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}}, {"min": {"storage": "1Gi"}}),
    ({"type": "Container", "maxLimitRequestRatio": {"cpu": 3}}, {"maxLimitRequestRatio": {"cpu": "3"}}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "stored"), ITEMS)
def test_an_item_is_filled_in_as_the_api_server_does(said: dict[str, Any], stored: dict[str, Any]) -> None:
    assert filled(msgspec.convert(said, LimitItem)) == {"type": said["type"], **stored}
