"""Lets requests with a known API key pass: the example policy that stands beside this one in five more languages."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.request_policy import Decision, Decision_Forward, Decision_Respond, Forward
from wit_world.imports import consumers
from wit_world.imports.http import Request
from wit_world.imports.types import Edit_Remove, Edit_Set, Field, LocalResponse, Problem

DEFAULTS = {"header": "apikey", "tag": "x-gate", "mark": "python", "public": "/health"}

settings = DEFAULTS

HEALTHY = Decision_Respond(LocalResponse(200, [Field("content-type", b"text/plain")], b"ok\n"))
REFUSED = Decision_Respond(LocalResponse(401, [Field("www-authenticate", b"ApiKey")], b'{"error":"no key"}\n'))


def problems_of(given: dict[str, object]) -> list[Problem]:
    unknown = [Problem(key, f"unknown key; the keys are {', '.join(DEFAULTS)}") for key in given if key not in DEFAULTS]
    mistyped = [Problem(key, "must be a string") for key in DEFAULTS if not isinstance(given.get(key, ""), str)]
    return unknown + mistyped


class Configuration(exports.Configuration):
    def configure(self, text: str) -> None:
        global settings
        given = json.loads(text)
        if problems := problems_of(given):
            raise Err(problems)
        settings = DEFAULTS | given


class RequestPolicy(exports.RequestPolicy):
    def on_request(self, request: Request) -> Decision:
        if request.path() == settings["public"]:
            return HEALTHY
        consumer = identify(request)
        return REFUSED if consumer is None else Decision_Forward(admit(consumer))


def identify(request: Request) -> int | None:
    try:
        return consumers.find_by_key(request.sole_header(settings["header"]))
    except Err:  # missing, or several that differ
        return None


def admit(consumer: int) -> Forward:
    tag = Edit_Set(Field(settings["tag"], settings["mark"].encode()))
    policy = Edit_Set(Field("x-policy", b"key-gate"))
    return Forward([Edit_Remove(settings["header"]), tag], [policy], consumer, None)
