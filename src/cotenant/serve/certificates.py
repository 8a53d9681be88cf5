"""Certificates that a webhook makes for itself: each with a CA of its own, whose key is thrown away at once.

A change needs no moment at which everybody agrees. The next pair is stored and its CA trusted long before it is served;
the last one stays trusted long after. Which of two is served follows from the clock and their own dates alone, so that
replicas need not talk. ECDSA P-256.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

SKEW = timedelta(minutes=5)
"""A certificate is valid this long before it was made: clocks differ."""
RENEWED = 2 / 3
"""Part of its life after which the next one is made."""
SLOTS = ("current", "next")
"""Names of the pairs in a Secret, older first."""


class Pair(Struct, frozen=True):
    """A certificate, its key and the CA that signed it, PEM."""

    certificate: bytes
    key: bytes
    authority: bytes

    def __repr__(self) -> str:
        """Without the key: this may be logged."""
        return f"Pair(made {self.made:%Y-%m-%dT%H:%M:%SZ}, names {', '.join(self.names)})"

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate. Raises ValueError for what is none."""
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def made(self) -> datetime:
        """When it was made."""
        return self.parsed.not_valid_before_utc + SKEW

    @property
    def expires(self) -> datetime:
        """From when on nobody trusts it."""
        return self.parsed.not_valid_after_utc

    @property
    def due(self) -> datetime:
        """When the next one is to be made."""
        return self.made + RENEWED * (self.expires - self.made)

    @property
    def names(self) -> tuple[str, ...]:
        """For which hosts, sorted."""
        found = self.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = map(str, found.get_values_for_type(x509.IPAddress))
        return tuple(sorted([*found.get_values_for_type(x509.DNSName), *addresses]))


def issue(names: Sequence[str], now: datetime, lifetime: timedelta) -> Pair:
    """A new pair for these hosts: DNS names or addresses."""
    now = now.astimezone(UTC).replace(microsecond=0)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("cotenant assist CA"), _name("cotenant assist")
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    ca = (
        _builder(issuer, issuer, authority.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        _builder(subject, issuer, key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(one) for one in names]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(leaf.public_bytes(pem), secret, ca.public_bytes(pem))


def renewed(
    pairs: Sequence[Pair], names: Sequence[str], now: datetime, lifetime: timedelta, overlap: timedelta
) -> tuple[Pair, ...]:
    """What should be stored now, older first: the same where nothing is due. At most two."""
    alive = tuple(pair for pair in pairs if pair.expires > now)[-2:]
    if len(alive) == 2 and now >= alive[1].made + 2 * overlap:
        alive = alive[1:]
    if not alive:
        return (issue(names, now, lifetime),)
    if len(alive) == 1 and (now >= alive[0].due or not set(names) <= set(alive[0].names)):
        return (*alive, issue(names, now, lifetime))
    return alive


def served(pairs: Sequence[Pair], now: datetime, overlap: timedelta) -> Pair:
    """The newest that everybody had time to hear of; the only one at once. `pairs` is not empty."""
    return next((pair for pair in reversed(pairs) if now >= pair.made + overlap), pairs[0])


def bundle(pairs: Sequence[Pair]) -> bytes:
    """Every CA that may be met."""
    return b"".join(pair.authority for pair in pairs)


def stored(pairs: Sequence[Pair]) -> dict[str, bytes]:
    """The data of a Secret."""
    found: dict[str, bytes] = {}
    for slot, pair in zip(SLOTS, pairs, strict=False):
        found |= {f"{slot}.crt": pair.certificate, f"{slot}.key": pair.key, f"{slot}-ca.crt": pair.authority}
    return found


def read(data: Mapping[str, bytes]) -> tuple[Pair, ...]:
    """The pairs in a Secret. What cannot be used is left out, as if it were not there: another one is made then."""
    found = []
    for slot in SLOTS:
        parts = [data.get(f"{slot}{end}", b"") for end in (".crt", ".key", "-ca.crt")]
        if all(parts) and usable(pair := Pair(*parts)):
            found.append(pair)
    return tuple(found)


def usable(pair: Pair) -> bool:
    """Whether certificate, key and CA can be read and belong together."""
    try:
        key = serialization.load_pem_private_key(pair.key, None)
        pair.parsed.verify_directly_issued_by(x509.load_pem_x509_certificate(pair.authority))
        return bool(pair.names) and key.public_key() == pair.parsed.public_key()
    except Exception:  # noqa: BLE001 - the library raises many kinds; whatever it is, the pair is of no use
        return False


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    serial = x509.random_serial_number()
    return builder.serial_number(serial).not_valid_before(now - SKEW).not_valid_after(now + lifetime)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_encipherment=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
