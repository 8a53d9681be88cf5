"""botocore's model of EKS: which request is which operation, what it must hold, and what an answer must look like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from cotenant.local.eks.errors import AwsError, MotoMissing
from cotenant.local.eks.message import Request
from cotenant.local.eks.signature import pairs


class Model:
    """Operations of a service of REST and JSON: `eks`, `eks-auth`. MotoMissing where botocore is not installed."""

    def __init__(self, name: str) -> None:
        try:
            from botocore import xform_name
            from botocore.loaders import Loader
            from botocore.model import ServiceModel
            from botocore.validate import ParamValidator
        except ImportError as error:
            raise MotoMissing from error
        service = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        self._validator = ParamValidator()
        self.method = xform_name
        self._routes = [
            (model.http["method"], model.http["requestUri"].partition("?")[0].split("/"), model)
            for model in map(service.operation_model, service.operation_names)
        ]

    def operation(self, request: Request) -> tuple[Any, dict[str, str]]:
        """The operation and what its path holds. AwsError for a path that is none of EKS'."""
        parts = request.path.split("/")
        for method, template, model in self._routes:
            if method == request.method and len(template) == len(parts):
                found = dict(_match(template, parts))
                if len(found) == sum(part.startswith("{") for part in template) and all(
                    part.startswith("{") or part == given for part, given in zip(template, parts, strict=True)
                ):
                    return model, found
        raise AwsError("UnknownOperationException", f"{request.method} {request.path}", 404)

    def read(self, operation: Any, path: Mapping[str, str], request: Request) -> dict[str, Any]:
        """The operation's input, valid by the model. AwsError InvalidParameterException otherwise."""
        shape = operation.input_shape
        if shape is None:
            return {}
        try:
            body = json.loads(request.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise AwsError("SerializationException", "the body is no JSON object")
        query = [(unquote(name), unquote(value)) for name, value in pairs(request.query)]
        given: dict[str, Any] = {}
        for name, member in shape.members.items():
            place, wire = member.serialization.get("location"), member.serialization.get("name", name)
            if place == "uri":
                given[name] = path[wire]
            elif place == "querystring":
                if values := [value for key, value in query if key == wire]:
                    given[name] = _typed(member, values)
            elif body.get(wire) is not None:
                given[name] = body[wire]
        self._must(given, shape)
        return given

    def write(self, operation: Any, answer: Mapping[str, Any]) -> bytes:
        """The body of an answer. AssertionError when it is not what the model promises."""
        report = self._validator.validate(answer, operation.output_shape)
        wrong = [report.generate_report()] if report.has_errors() else list(_outside(answer, operation.output_shape))
        assert not wrong, f"{operation.name}: {wrong}"
        return json.dumps(answer, default=_timestamp).encode()

    def _must(self, given: Mapping[str, Any], shape: Any) -> None:
        report = self._validator.validate(given, shape)
        if report.has_errors():
            raise AwsError("InvalidParameterException", report.generate_report().replace("\n", " "))
        for each in _outside(given, shape):
            raise AwsError("InvalidParameterException", each)


def _match(template: list[str], parts: list[str]) -> Iterator[tuple[str, str]]:
    for part, given in zip(template, parts, strict=True):
        if part.startswith("{") and given:
            yield part.strip("{}+"), unquote(given)


def _typed(member: Any, values: list[str]) -> Any:
    if member.type_name == "list":
        return values
    if member.type_name in ("integer", "long"):
        return int(values[0]) if values[0].isdecimal() else values[0]
    if member.type_name == "boolean":
        return {"true": True, "false": False}.get(values[0], values[0])
    return values[0]


def _outside(value: Any, shape: Any) -> Iterator[str]:
    """Values that are none of an enumeration: botocore's validator lets them pass."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from _outside(value[name], member)
    elif shape.type_name == "list":
        for each in value:
            yield from _outside(each, shape.member)
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{value!r} is none of {', '.join(shape.enum)}"


def _timestamp(value: Any) -> float:
    assert isinstance(value, datetime), f"{value!r} has no JSON form"
    return round(value.timestamp(), 3)
