"""The page at ``/docs``: every route, in plain HTML without scripts."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from fastapi import APIRouter, Response

JSON = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; overflow-wrap: break-word;
  font: 1rem/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; }
h3 { margin: 2rem 0 0; font-size: 1.1rem; }
h4 { margin: 1rem 0 0; font-size: 1rem; }
p { margin: .25rem 0; }
code, pre { font: .9rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid GrayText; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid GrayText; }
th:first-child, td:first-child { min-width: 6rem; }
@media (max-width: 45rem) {  /* a row of a table becomes a paragraph */
  table, tbody, tr, td { display: block; }
  tr { padding: .25rem 0; border-bottom: 1px solid GrayText; }
  td { padding: 0; border: 0; }
  td::before { content: attr(data-head) ": "; color: GrayText; }
  tr:first-child, td:empty { display: none; }
}
"""
_METHODS = ("get", "put", "post", "patch", "delete")
_NUMBERED = {"minimum": "at least", "maximum": "at most"}


def docs_page(openapi: Callable[[], JSON]) -> APIRouter:
    """Return the route of the page.

    Args:
        openapi: Returns the OpenAPI document of the application.
    """
    router = APIRouter()
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    @router.get("/docs", include_in_schema=False)
    def page() -> Response:
        return Response(_page(openapi()), media_type="text/html", headers=headers)

    return router


def _page(document: JSON) -> str:
    info = document["info"]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(info['title'])}: HTTP</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>\n"
        f"<p>{escape(info.get('description', ''))}</p>\n"
        '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>\n'
        + "".join(_sections(document))
        + "</body>\n</html>\n"
    )


def _sections(document: JSON) -> Iterator[str]:
    """Yield the routes, grouped under a heading for each tag."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                tag = operations[method].get("tags", ["other"])[0]
                route = "".join(_route(document, method, path, operations[method]))
                sections.setdefault(tag, []).append(route)
    for tag, routes in sections.items():
        yield f"<h2>{escape(tag)}</h2>\n" + "".join(routes)


def _route(document: JSON, method: str, path: str, operation: JSON) -> Iterator[str]:
    yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>\n"
    yield f"<p><strong>{escape(operation.get('summary', ''))}.</strong> "
    yield f"{escape(operation.get('description', ''))}</p>\n"
    rows = [
        (given["name"], given["in"], given["schema"], given.get("required", False))
        for given in operation.get("parameters", [])
    ]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        body = _resolved(document, content["schema"])
        where = "JSON" if kind == "application/json" else "form"
        rows += [
            (name, where, schema, name in body.get("required", []))
            for name, schema in body.get("properties", {}).items()
        ]
    if rows:
        yield _table(
            ("name", "in", "type", "required", "default", "meaning"),
            (
                (
                    f"<code>{escape(name)}</code>",
                    escape(where),
                    escape(_type(schema)),
                    "yes" if required else "no",
                    _default(schema),
                    escape(schema.get("description", "")),
                )
                for name, where, schema, required in rows
            ),
        )
    responses = operation["responses"]
    yield _table(
        ("status", "meaning"),
        (
            (escape(status), escape(response["description"]))
            for status, response in responses.items()
        ),
    )
    for status, response in responses.items():
        for content in response.get("content", {}).values():
            for example in _examples(document, content):
                shown = json.dumps(example, indent=2, ensure_ascii=False)
                yield f"<h4>Example of {escape(status)}</h4>\n"
                yield f"<pre>{escape(shown)}</pre>\n"


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are already HTML."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-head="{name}">{cell}</td>'
            for name, cell in zip(heads, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{body}</table>\n"


def _type(schema: JSON) -> str:
    """Describe a type, as in ``integer, at least 1, at most 1000``."""
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(map(_type, kinds))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "contentMediaType" in schema:
        return "file"
    words = [schema.get("type", "anything")]
    words += [
        f"{word} {schema[bound]:.16g}"
        for bound, word in _NUMBERED.items()
        if bound in schema
    ]
    return ", ".join(words)


def _default(schema: JSON) -> str:
    """Return a default value as HTML; empty if there is none."""
    if schema.get("default") is None:
        return ""
    return f"<code>{escape(json.dumps(schema['default']))}</code>"


def _examples(document: JSON, content: JSON) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    return list(_resolved(document, content.get("schema", {})).get("examples", []))


def _resolved(document: JSON, schema: JSON) -> JSON:
    """Return a schema, following a reference."""
    if "$ref" not in schema:
        return schema
    name = str(schema["$ref"]).rpartition("/")[2]
    resolved: JSON = document["components"]["schemas"][name]
    return resolved
