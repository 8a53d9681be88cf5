from __future__ import annotations

import socket

import pytest

from cotenant.local.ports import Claim


def test_a_claimed_port_is_taken_until_it_is_released():
    with Claim() as claim, socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", claim.port))
        claim.release()
        other.bind(("127.0.0.1", claim.port))


def test_claims_held_together_differ():
    claims = [Claim() for _ in range(20)]
    assert len({claim.port for claim in claims}) == 20
    assert all(claim.release() for claim in claims)
