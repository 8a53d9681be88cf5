"""One endpoint for the tests of a file: each makes its own principals. Its clock can be put forward.

Not for longer: IAM's state is one a process, and other tests start endpoints of their own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cotenant.local import pki
from cotenant.local.eks import Cluster, Endpoint
from unit.local.eks.pods import Issuer

FOREIGN = "444455556666"


class Clock:
    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def clock():
    return Clock()


@pytest.fixture(scope="module")
def issuer():
    """Signs tokens of ServiceAccounts, as the API server does."""
    return Issuer(pki.signing_key(), f"https://{Cluster().provider}")


@pytest.fixture(scope="module")
def endpoint(clock, issuer):
    with Endpoint(Cluster(accounts=(FOREIGN,)), now=clock, key=issuer.pair.cert) as running:
        yield running


@pytest.fixture
def aws(endpoint, clock):
    """The endpoint, with its clock, faults and delay put back afterwards."""
    endpoint.calls.clear()
    yield endpoint
    clock.ahead = timedelta()
    endpoint.delay(0)
