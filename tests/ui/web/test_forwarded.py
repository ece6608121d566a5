"""What a proxy passes on is not asked by who has the machine."""

from __future__ import annotations

from typing import Any, cast

import pytest
from anyio.from_thread import start_blocking_portal

from tests.ui.serving import client, serving
from tonescope.ui.web.forwarded import ADDED, ForwardedLayer
from tonescope.ui.workshop import Workshop


class Shop:
    is_for_one = True


@pytest.mark.parametrize("name", ["accept", *ADDED])
def test_from_the_first_request_of_a_proxy_on_more_than_one_is_served(name: str) -> None:
    shop, passed = Shop(), []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)

    layer: Any = ForwardedLayer(inner, cast(Workshop, shop))
    with start_blocking_portal() as portal:
        portal.call(layer, {"headers": [(name.encode(), b"x")]}, None, None)
        assert shop.is_for_one is (name == "accept") and len(passed) == 1
        portal.call(layer, {"headers": []}, None, None)
    assert shop.is_for_one is (name == "accept")  # and it stays so


def test_models_of_the_machine_are_compared_until_a_proxy_asks() -> None:
    with serving() as served, client(served) as asking:
        for headers, is_for_one in (({}, True), ({"X-Forwarded-For": "192.0.2.7"}, False), ({}, False)):
            assert asking.get("/", headers=headers).status_code == 200
            assert served._server.workshop.is_for_one is is_for_one
