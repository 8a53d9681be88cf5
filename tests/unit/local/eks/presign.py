"""Tokens, signed by botocore: the good one, and any that somebody with a key of his own could make."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cotenant.local.eks.token import PREFIX

GOOD = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


def url(key, *, base, cluster="cotenant-dev", parameters=GOOD, method="GET", expires=60, headers=()):
    """A presigned URL. `cluster` None signs no cluster header."""
    signed = dict(headers) | ({"x-k8s-aws-id": cluster} if cluster is not None else {})
    request = AWSRequest(method, f"{base}/?{urlencode(parameters)}", signed)
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"))
    SigV4QueryAuth(credentials, "sts", "us-east-1", expires=expires).add_auth(request)
    return request.url


def pack(text):
    """The token of a URL."""
    return PREFIX + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
