"""A comment in each encoding of the contract, as bytes on the wire."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

Encoded = tuple[bytes, dict[str, str]]
BOUNDARY = "----a-boundary-of-the-tests"


def raw_json(fields: Mapping[str, Any]) -> Encoded:
    return orjson.dumps(fields), {"Content-Type": "application/json"}


def escaped_json(fields: Mapping[str, Any]) -> Encoded:
    return json.dumps(fields, ensure_ascii=True).encode(), {"Content-Type": "application/json; charset=utf-8"}


def urlencoded(fields: Mapping[str, Any]) -> Encoded:
    return urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def multipart(fields: Mapping[str, Any]) -> Encoded:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = "".join(parts) + f"--{BOUNDARY}--\r\n"
    return body.encode(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


ENCODINGS: dict[str, Callable[[Mapping[str, Any]], Encoded]] = {
    "raw JSON": raw_json,
    "escaped JSON": escaped_json,
    "urlencoded": urlencoded,
    "multipart": multipart,
}
ACCEPTED = {"raw JSON": 202, "escaped JSON": 202, "urlencoded": 303, "multipart": 303}
