"""The page that a person's browser shows of the API: behind the token, with nothing from elsewhere."""

import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest

from orchestrator.events import EventKind
from tests.api_client import TOKEN, Client


def _basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}


def _refusals(client: Client) -> list[str]:
    return [event.message for event in client.service.store.events() if event.kind == EventKind.REFUSED]


async def test_browser_is_asked_for_the_token_as_a_password(client: Client) -> None:
    """It shows its dialog because of the challenge; whoever closes it reads what to type. That leaves no trace."""
    del client.http.headers["authorization"]
    reply = await client.http.get("/docs")
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith('Basic realm="')
    assert "token file beside the store" in reply.json()["error"]
    assert _refusals(client) == []
    assert (await client.http.get("/docs", headers=_basic("ada", TOKEN))).status_code == 200
    assert (await client.http.get("/api/v1/openapi.json", headers=_basic("", TOKEN))).status_code == 200


@pytest.mark.parametrize("password", ["", "x", TOKEN[:-1], f"{TOKEN}x", f"x:{TOKEN}"])
async def test_wrong_password_is_refused_and_leaves_a_trace(client: Client, password: str) -> None:
    """Who guesses passwords is seen in the store as who guesses tokens is."""
    reply = await client.http.get("/docs", headers=_basic("ada", password))
    assert reply.status_code == 401
    (message,) = _refusals(client)
    assert message.startswith("GET /docs of 127.0.0.1 was refused")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/status"), ("GET", "/api/v1/live"), ("POST", "/api/v1/rack/stop"), ("POST", "/docs")],
)
async def test_password_opens_nothing_but_the_document(client: Client, method: str, path: str) -> None:
    """A browser sends it by itself, also for a page of somebody else that orders a stop."""
    reply = await client.http.request(method, path, headers=_basic("ada", TOKEN), json={"by": "ada"})
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"


class _Page(HTMLParser):
    """The tags of a page: those that are open, all links, and the places that links may lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Open a tag."""
        self.tags.add(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        for name, value in attributes:
            if name == "href":
                self.links.add(str(value))
            elif name == "id":
                self.places.add(str(value))
            assert name in {"href", "id", "class", "lang", "charset"}, (tag, name)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag, which is the one that was opened last."""
        assert self.open.pop() == tag


async def test_page_is_whole_and_takes_nothing_from_elsewhere(client: Client) -> None:
    """Every operation and value is on it, every link leads somewhere on it, and the browser is told to load nothing."""
    reply = await client.http.get("/docs")
    page = _Page()
    page.feed(reply.text)
    assert page.open == []
    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "form"})
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= page.places
    assert {link for link in page.links if not link.startswith("#")} == {"/api/v1/openapi.json"}
    document = (await client.http.get("/api/v1/openapi.json")).json()
    names = {it["operationId"] for item in document["paths"].values() for it in item.values()}
    assert names | set(document["components"]["schemas"]) <= page.places
    assert re.search(r"<code>voltage_v</code></td><td>V</td><td>Voltage; null where", reply.text)
