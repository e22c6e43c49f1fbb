"""Another web site in the same browser gets nothing from a page on 127.0.0.1, and can change nothing on it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alebrije.studio.guard import HEADERS, Guard

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(Guard)

    @app.get("/")
    def read() -> str:
        return "read"

    @app.post("/")
    def write() -> str:
        return "written"

    return TestClient(app, base_url=HERE)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:8000"])
def test_answers_under_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "evil.example@127.0.0.1", "127.0.0.1@evil.example",
     "[::1", "", "127.0.0.1/evil", "0.0.0.0"],
)  # fmt: skip
def test_foreign_names_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "127.0.0.1" in answer.json()["error"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8000", "http://["])
def test_changes_asked_for_by_other_origins_are_refused(client: TestClient, origin: str) -> None:
    assert client.post("/", headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_other_sites_make_the_browser_send_is_refused(client: TestClient, site: str, method: str) -> None:
    assert client.request(method, "/", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403


def test_a_link_from_elsewhere_may_open_the_page_but_change_nothing(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.post("/", headers=headers).status_code == 403


def test_the_page_itself_and_programs_may_change_things(client: TestClient) -> None:
    assert client.post("/", headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"}).text == '"written"'
    assert client.post("/").text == '"written"'


@pytest.mark.parametrize(("path", "host"), [("/", "127.0.0.1"), ("/nothing", "127.0.0.1"), ("/", "evil.example")])
def test_every_answer_forbids_foreign_content_once(client: TestClient, path: str, host: str) -> None:
    headers = client.get(path, headers={"Host": host}).headers
    for name, value in HEADERS.items():
        assert headers.get_list(name) == [value]
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_guarding_twice_is_guarding_once() -> None:
    outer, inner = FastAPI(), FastAPI()
    outer.add_middleware(Guard)
    inner.add_middleware(Guard)
    inner.add_api_route("/", lambda: "inner")
    outer.mount("/part", inner)
    answer = TestClient(outer, base_url=HERE).get("/part/")
    assert answer.text == '"inner"'
    assert all(len(answer.headers.get_list(name)) == 1 for name in HEADERS)
