"""Tokens of ServiceAccounts for tests without an API server, and roles that Pods may take on."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cotenant.local.eks import Cluster
from unit.local.eks.iam import fresh

PROVIDER = Cluster().provider
STS, AGENT = "sts.amazonaws.com", "pods.eks.amazonaws.com"


class Issuer:
    def __init__(self, pair, name):
        self.pair, self.name = pair, name

    def token(self, namespace, account, audience=STS, *, seconds=3600, **claims):
        bound = {"namespace": namespace, "serviceaccount": {"name": account}, "pod": {"name": "web-1", "uid": "u-1"}}
        subject = f"system:serviceaccount:{namespace}:{account}"
        known = {"iss": self.name, "sub": subject, "aud": [audience], "exp": time.time() + seconds}
        return self.signed({**known, "kubernetes.io": bound, **claims})

    def signed(self, claims, head=None):
        text = ".".join(map(_encoded, (head or {"alg": "ES256"}, claims)))
        key = load_pem_private_key(self.pair.key, None)
        numbers = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(SHA256())))
        return f"{text}.{_plain(b''.join(each.to_bytes(32, 'big') for each in numbers))}"


def _encoded(content):
    return _plain(json.dumps(content).encode())


def _plain(content):
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def given_provider(aws, *clients):
    """The cluster's OIDC provider in IAM, once an account; its ARN."""
    arn = f"arn:aws:iam::111122223333:oidc-provider/{PROVIDER}"
    iam = aws.client("iam")
    if arn not in [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]:
        iam.create_open_id_connect_provider(Url=f"https://{PROVIDER}", ClientIDList=list(clients or (STS,)))
    return arn


def given_pod_role(aws, principal, actions, condition, name=""):
    """A role with this one statement of trust; its ARN."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = aws.client("iam").create_role(RoleName=name or fresh("pods"), AssumeRolePolicyDocument=document)
    return made["Role"]["Arn"]
