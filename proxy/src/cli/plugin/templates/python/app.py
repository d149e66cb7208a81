"""Lets requests with a known API key pass."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.request_policy import Decision, Decision_Forward, Decision_Respond, Forward
from wit_world.imports import consumers
from wit_world.imports.http import Request
from wit_world.imports.types import Edit_Remove, Field, LocalResponse, Problem

DEFAULTS = {"header": "apikey"}

settings = DEFAULTS

REFUSED = Decision_Respond(LocalResponse(401, [Field("www-authenticate", b"ApiKey")], b""))


class Configuration(exports.Configuration):
    def configure(self, text: str) -> None:
        global settings
        given = json.loads(text)
        if unknown := [Problem(key, "unknown key") for key in given if key not in DEFAULTS]:
            raise Err(unknown)
        settings = DEFAULTS | given


class RequestPolicy(exports.RequestPolicy):
    def on_request(self, request: Request) -> Decision:
        try:
            consumer = consumers.find_by_key(request.sole_header(settings["header"]))
        except Err:  # missing, or several that differ
            consumer = None
        if consumer is None:
            return REFUSED
        return Decision_Forward(Forward([Edit_Remove(settings["header"])], [], consumer, None))
