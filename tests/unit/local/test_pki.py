from __future__ import annotations

import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from cotenant.local import pki
from cotenant.local.pki import Authority
from cotenant.local.wire import strict_context


@pytest.fixture(scope="module")
def authority():
    return Authority.create("test-ca")


def handshake(tmp_path, authority, serving, client=None, name="127.0.0.1"):
    """A TLS handshake as Python 3.13 would verify it; gives the subject that the server saw."""
    pki.write(tmp_path, "ca", authority.pair)
    pki.write(tmp_path, "serving", serving)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.crt"))
    server.verify_mode = ssl.CERT_OPTIONAL
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_cert_chain(tmp_path / "serving.crt", tmp_path / "serving.key")
    if client is not None:
        pki.write(tmp_path, "client", client)
    files = (tmp_path / "client.crt", tmp_path / "client.key") if client else (None, None)
    ours, theirs = socket.socketpair()
    seen = []

    def serve():
        with server.wrap_socket(theirs, server_side=True) as tls:
            seen.append(tls.getpeercert())
            tls.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with strict_context(tmp_path / "ca.crt", *files).wrap_socket(ours, server_hostname=name) as tls:
            tls.send(b"x")
    finally:
        ours.close()
        thread.join()
        theirs.close()
    return dict(pair for part in seen[0]["subject"] for pair in part) if seen[0] else None


@pytest.mark.parametrize("name", ["127.0.0.1", "10.0.0.1", "localhost", "kubernetes.default.svc"])
def test_strict_verification_accepts_the_server_under_each_of_its_names(tmp_path, authority, name):
    handshake(tmp_path, authority, authority.serving("kube-apiserver"), name=name)


def test_strict_verification_accepts_a_client_and_its_groups(tmp_path, authority):
    subject = handshake(tmp_path, authority, authority.serving("s"), authority.client("alice", ["one", "two"]))
    assert subject == {"organizationName": "two", "commonName": "alice"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_of_another_authority_is_not_believed(tmp_path, authority):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, authority, Authority.create("other").serving("kube-apiserver"))


def test_a_client_certificate_is_no_server_certificate(authority):
    client = x509.load_pem_x509_certificate(authority.client("alice").cert)
    usage = client.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [purpose._name for purpose in usage] == ["clientAuth"]
    assert not client.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_names_longer_than_x509_allows_are_carried_whole(authority):
    arn = "arn:aws:sts::111122223333:assumed-role/" + "r" * 64 + "/alice@example.com"
    pair = authority.client(arn, ["g" * 100])
    assert arn.encode() in x509.load_pem_x509_certificate(pair.cert).public_bytes(pki.serialization.Encoding.DER)


def test_an_authority_read_back_signs_for_the_same_root(tmp_path, authority):
    pki.write(tmp_path, "ca", authority.pair)
    again = Authority(pki.read(tmp_path, "ca"))
    assert handshake(tmp_path, authority, authority.serving("s"), again.client("bob"))["commonName"] == "bob"


def test_keys_are_for_their_owner_only(tmp_path, authority):
    pki.write(tmp_path, "ca", authority.pair)
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600


def test_certificates_last_a_month(authority):
    cert = x509.load_pem_x509_certificate(authority.client("alice").cert)
    assert (cert.not_valid_after_utc - cert.not_valid_before_utc).days == 30
    assert cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "alice"
