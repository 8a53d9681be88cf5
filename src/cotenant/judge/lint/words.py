"""Letters and words: what copying from a web page or a word processor does to a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cotenant.judge.lint.bundle import Bundle, get, leaves
from cotenant.judge.lint.edit import Edit, rename, swap
from cotenant.judge.lint.edit import quote as quoted
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.document import Span, spelled

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
CURLY = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
SPACES = "\u00a0\u2007\u202f\u200b\ufeff"
OPTION = re.compile(rf"(?<!\S)([{DASHES}][{DASHES}-]?|-[{DASHES}])([A-Za-z][\w-]*)")
QUOTED = re.compile(rf"[{CURLY}]")
ACCOUNT = re.compile(r"arn:aws[-a-z]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]+):[^\s,;'\"]*", re.ASCII)
ENUMS = {
    "policyTypes": ("Ingress", "Egress"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "operator": ("Equal", "Exists", "In", "NotIn", "DoesNotExist", "Gt", "Lt"),
    "protocol": ("TCP", "UDP", "SCTP"),
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "restartPolicy": ("Always", "OnFailure", "Never"),
}
ENUM_KINDS = {
    "roleRef": ("Role", "ClusterRole"),
    "subjects": ("User", "Group", "ServiceAccount"),
    "limits": ("Container", "Pod", "PersistentVolumeClaim"),
}


def straight(text: str) -> str:
    """A command with the hyphens that were meant."""
    return OPTION.sub(lambda found: ("-" if len(found[2]) == 1 else "--") + found[2], text)


@rule("L101", "error", fix="The line with its indentation, quotes or colons mended.")
def broken_yaml(bundle: Bundle) -> Iterator[Hit]:
    """A document that is no YAML is not applied at all, and kubectl may have applied the documents above it."""
    for one in bundle.broken:
        if one.where == "document" and not one.letters:
            yield Hit(one.source, one.line, 0, one.message, write=(one.mended or "").strip())


@rule("L102", "error", fix="Straight quotes, or none.")
def curly_quotes(bundle: Bundle) -> Iterator[Hit]:
    """To YAML and to a shell curly quotes are letters of the word: keys and values are then others than meant."""
    for one in bundle.broken:
        if one.letters == "quotes":
            yield Hit(one.source, one.line, 0, one.message, write=(one.mended or "").strip())
    table = {ord(one): "'" if one in "\u2018\u2019" else '"' for one in CURLY}
    for script in bundle.scripts:
        for number, line in enumerate(script.text, 1):
            if found := None if line.lstrip().startswith("#") else QUOTED.search(line):
                edit = Edit(Span(number, 0, number, len(line)), line.translate(table))
                yield Hit(script.source, number, found.start() + 1, "curly quotes are letters to a shell", (edit,))


@rule("L103", "error", fix="`-` before one letter, `--` before a word.")
def dash_is_no_hyphen(bundle: Bundle) -> Iterator[Hit]:
    """A program knows its options by hyphens; it takes a word that begins with an en-dash for a name."""
    for document in bundle.documents:
        for path, text in leaves(document.value):
            if OPTION.match(text) and ("args" in path or "command" in path or text[1:2] in "-" + DASHES):
                message = f"{spelled(path)}: {text} begins with a dash that is no hyphen"
                yield hit(document, path, message, swap(document, path, straight(text)), straight(text))
    for script in bundle.scripts:
        for number, line in enumerate(script.text, 1):
            if found := None if line.lstrip().startswith("#") else OPTION.search(line):
                edit = Edit(Span(number, 0, number, len(line)), straight(line))
                yield Hit(
                    script.source,
                    number,
                    found.start() + 1,
                    f"{found[0]} begins with a dash that is no hyphen",
                    (edit,),
                )


@rule("L104", "error", fix="A plain space, or none.")
def space_is_no_space(bundle: Bundle) -> Iterator[Hit]:
    """Non-breaking and invisible spaces belong to the word for YAML: `name` and `name\u00a0` are two keys."""
    for one in bundle.broken:
        if one.letters == "spaces":
            yield Hit(one.source, one.line, 0, one.message, write=(one.mended or "").strip())
    for document in bundle.documents:
        for path, span in document.keys.items():
            key = str(path[-1])
            if key != key.strip(SPACES):
                message = f"the key {key.strip(SPACES)} has an invisible letter beside it"
                yield hit(document, path, message, (Edit(span, key.strip(SPACES)),), key=True)
        for path, text in leaves(document.value):
            if text != text.strip(SPACES) and "\n" not in text:
                message = f"{spelled(path)}: an invisible letter stands beside {text.strip(SPACES)}"
                yield hit(document, path, message, swap(document, path, text.strip(SPACES)))


@rule("L105", "error", fix="The account's id, all twelve digits with its leading zeros.")
def account_id_length(bundle: Bundle) -> Iterator[Hit]:
    """The id of an AWS account has 12 digits; IAM knows no other, so this ARN is nobody's."""
    for document in bundle.documents:
        for path, text in leaves(document.value):
            for found in ACCOUNT.finditer(text):
                if len(found[1]) != 12:
                    message = f"{spelled(path)}: account {found[1]} has {len(found[1])} digits"
                    yield hit(document, path, message, write=twelve(found))
    for script in bundle.scripts:
        for number, line in enumerate(script.text, 1):
            for found in ACCOUNT.finditer(line):
                if len(found[1]) != 12:
                    message = f"account {found[1]} has {len(found[1])} digits"
                    yield Hit(script.source, number, found.start(1) + 1, message, write=twelve(found))


def twelve(found: re.Match[str]) -> str:
    """An ARN with a place for an account of twelve digits: nobody can know the digits that are missing."""
    return found[0].replace(f":{found[1]}:", ":<12 digits>:", 1)


@rule("L106", "error", fix="The word as the API writes it: Ingress, NoSchedule, TCP, Role.")
def letter_case(bundle: Bundle) -> Iterator[Hit]:
    """The API server knows these words in one spelling and refuses every other: `Unsupported value`."""
    for document in bundle.native():
        for path, text in leaves(document.value):
            keys = [one for one in path if isinstance(one, str)]
            allowed = ENUMS.get(keys[-1], ()) if keys else ()
            if len(keys) > 1 and keys[-1] in ("kind", "type"):
                allowed = ENUM_KINDS.get(keys[-2], ())
            if text in allowed:
                continue
            for meant in allowed:
                if text.lower() == meant.lower():
                    message = f"{spelled(path)}: {text} is none of {', '.join(allowed)}"
                    yield hit(document, path, message, swap(document, path, meant), meant)


@rule("L107", "error", fix="The value in quotes; a longer text as a block behind `|`.")
def data_is_text(bundle: Bundle) -> Iterator[Hit]:
    """A ConfigMap holds texts only; the API server refuses the whole object for one number or list."""
    for document in bundle.of("ConfigMap"):
        data = get(document.value, "data")
        if get(document.value, "metadata", "name") == "aws-auth" or not isinstance(data, dict):
            continue
        for key, value in data.items():
            if not isinstance(value, str) and value is not None:
                path = ("data", key)
                what = "a list" if isinstance(value, list) else "a map" if isinstance(value, dict) else "a bare value"
                edits = () if isinstance(value, list | dict) else quoted(document, path)
                write = "" if edits else f"{key}: |\n  …"
                yield hit(document, path, f"data.{key} is {what}, no text", edits, write)


@rule("L108", "error", fix="The field as the API spells it.")
def misspelt_head(bundle: Bundle) -> Iterator[Hit]:
    """Keys are told apart by their letters' case: without apiVersion and kind nobody knows what a document is."""
    for document in bundle.documents:
        for key in document.value:
            for meant in ("apiVersion", "kind", "metadata", "spec"):
                if key.lower() != meant.lower() or key == meant or meant in document.value:
                    continue
                if "kind" in document.value or "apiVersion" in document.value:
                    edits = rename(document, (key,), meant)
                    yield hit(document, (key,), f"{key} is no field", edits, meant, key=True)
