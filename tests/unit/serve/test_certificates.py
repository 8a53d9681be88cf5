from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from cotenant.serve import certificates
from cotenant.serve.certificates import Pair, bundle, issue, read, renewed, served, stored
from cotenant.serve.keyring import in_memory

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIFE, OVERLAP = timedelta(days=90), timedelta(minutes=10)
NAMES = ("cotenant-assist.cotenant-system.svc", "127.0.0.1")


def greeted(pair: Pair, trusted: bytes, name: str) -> None:
    """A handshake in memory. Raises ssl.SSLError if the client does not trust the server."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with in_memory(pair.certificate) as certificate, in_memory(pair.key) as key:
        serving.load_cert_chain(certificate, key)
    calling = ssl.create_default_context(cadata=trusted.decode())
    calling.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = calling.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    ends = [client, server]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue


def test_whoever_trusts_the_bundle_trusts_the_certificate_under_each_of_its_names():
    pair, other = issue(NAMES, datetime.now(UTC), LIFE), issue(NAMES, datetime.now(UTC), LIFE)
    for name in NAMES:
        greeted(pair, bundle([other, pair]), name)
    with pytest.raises(ssl.SSLError):
        greeted(pair, bundle([other]), NAMES[0])
    with pytest.raises(ssl.SSLError):
        greeted(pair, bundle([pair]), "elsewhere.svc")


def test_the_first_is_served_at_once_and_stays_until_two_thirds_of_its_life():
    (first,) = pairs = renewed((), NAMES, NOW, LIFE, OVERLAP)
    assert served(pairs, NOW, OVERLAP) is first
    assert (first.made, first.expires) == (NOW, NOW + LIFE)
    assert renewed(pairs, NAMES, NOW + LIFE * 0.66, LIFE, OVERLAP) == pairs


def test_the_next_is_trusted_before_it_is_served_and_the_last_after_it_was():
    pairs = renewed((), NAMES, NOW, LIFE, OVERLAP)
    due = NOW + LIFE * 2 / 3
    both = renewed(pairs, NAMES, due, LIFE, OVERLAP)
    assert both[:1] == pairs
    assert len(both) == 2
    moment, seen = due, []
    while len(both) == 2:
        seen.append((moment - due, served(both, moment, OVERLAP)))
        assert both[0].authority in bundle(both)
        assert both[1].authority in bundle(both)
        moment += timedelta(minutes=1)
        both = renewed(both, NAMES, moment, LIFE, OVERLAP)
    assert [pair is pairs[0] for after, pair in seen] == [after < OVERLAP for after, _ in seen]
    assert seen[-1][0] == 2 * OVERLAP - timedelta(minutes=1)
    assert served(both, moment, OVERLAP) is seen[-1][1]


def test_another_name_is_another_certificate_and_no_name_is_lost_meanwhile():
    pairs = renewed((), NAMES[:1], NOW, LIFE, OVERLAP)
    both = renewed(pairs, NAMES, NOW + timedelta(hours=1), LIFE, OVERLAP)
    assert [pair.names for pair in both] == [tuple(sorted(NAMES[:1])), tuple(sorted(NAMES))]
    assert renewed(both[1:], NAMES[:1], NOW + timedelta(hours=2), LIFE, OVERLAP) == both[1:]


def test_after_a_long_absence_there_is_one_that_is_valid():
    pairs = renewed((), NAMES, NOW, LIFE, OVERLAP)
    (later,) = renewed(pairs, NAMES, NOW + 2 * LIFE, LIFE, OVERLAP)
    assert later.expires == NOW + 3 * LIFE
    assert served((later,), NOW + 2 * LIFE, OVERLAP) is later


def test_what_is_stored_is_read_back_and_what_is_broken_is_made_anew():
    pairs = renewed(renewed((), NAMES, NOW, LIFE, OVERLAP), NAMES, NOW + LIFE * 0.7, LIFE, OVERLAP)
    data = stored(pairs)
    assert read(data) == pairs
    assert read({}) == ()
    assert read(data | {"next.crt": b"-----BEGIN CERTIFICATE-----"}) == pairs[:1]
    # A key that is another's would be served, and fail each handshake.
    assert read(data | {"current.key": pairs[1].key}) == pairs[1:]
    assert read(data | {"current-ca.crt": pairs[1].authority}) == pairs[1:]


def test_the_key_of_the_authority_is_kept_nowhere_and_no_key_is_shown():
    pair = issue(NAMES, NOW, LIFE)
    assert stored((pair,)).keys() == {"current.crt", "current.key", "current-ca.crt"}
    assert "PRIVATE" not in repr(pair)
    assert certificates.usable(pair)
