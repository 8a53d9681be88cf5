"""Who is above a rule: whoever may do the very same thing in the whole cluster is the platform.

An administrator, a controller, a scheduler. A right that was given for one namespace is not enough, whatever it is.
"""

from __future__ import annotations

WHAT = "request.resource.resource"
FULL = f"({WHAT} + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource))"
NAME = (
    "(object == null ? dyn(oldObject).metadata.name : "
    "dyn(object).metadata.?name.orValue(dyn(object).metadata.?generateName.orValue('')))"
)
"""CEL: what it is called, also where a whole collection is deleted, of which the request has no name."""
_WHOLE = (
    "authorizer.group(request.resource.group).resource(request.resource.resource)"
    ".subresource(request.?subResource.orValue(''))"
)
PLATFORM = (
    "request.operation == 'UPDATE' ? "
    f"{_WHOLE}.check('update').allowed() || {_WHOLE}.check('patch').allowed() : "
    f"{_WHOLE}.check(request.operation == 'DELETE' ? 'delete' : 'create').allowed()"
)
