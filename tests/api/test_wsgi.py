"""What goes wrong before Django has a request to answer."""

from __future__ import annotations

import io
import json

import pytest

from config.wsgi import application


@pytest.mark.parametrize(
    "content_type",
    ["text/plain; x*=bogus''a", "a; charset*=x''%ff", "; *=''", "application/json"],
)
def test_a_content_type_that_means_nothing_is_the_clients_fault(db, content_type):
    answered = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/tokens/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": "2",
        "wsgi.input": io.BytesIO(b"{}"),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
    }

    body = application(environ, lambda status, headers: answered.append(status))

    assert answered[0][:3] in {"400", "415"}
    assert json.loads(b"".join(body))["code"]
