"""Whatever a request looks like, the answer is a sentence, and nothing is left."""

import pytest

from tests.faults.hostile import (
    JPEG,
    PNG,
    ROUTES,
    Target,
    check_problem,
)

# -- forms ---------------------------------------------------------------------------

NAMES = {
    "markup": '<script>alert("1")</script>.png',
    "up": "../../../../tmp/escaped.png",
    "backslashes": "..\\..\\escaped.png",
    "absolute": "/etc/escaped.png",
    "long": "a" * 1000 + ".png",
    "unicode": "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe\N{PILE OF POO}",
    "device": "con.png",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_means_nothing(target: Target, name: str) -> None:
    files = {"image": (NAMES[name], PNG)}
    target.client.put("/api/images/10", files=files).raise_for_status()
    assert target.client.get("/api/images/10/file").content == PNG
    answer = target.client.post("/api/reverse_search", files=files)
    assert answer.is_success
    assert "script" not in answer.text
    assert target.client.delete("/api/images/10").is_success
    assert {path.name for path in target.folder.iterdir()} == {"data", "data.log"}
    assert list(target.folder.rglob("*escaped*")) == []


def test_a_name_without_end_is_answered(target: Target) -> None:
    files = {"image": ("a" * 5000 + ".png", PNG)}
    answer = target.client.post("/api/reverse_search", files=files)
    assert answer.is_success or check_problem(answer)


def form(disposition: bytes, content: bytes = PNG, *, boundary: bytes = b"b") -> bytes:
    start = b"--" + boundary + b"\r\nContent-Disposition: form-data; "
    return start + disposition + b"\r\n\r\n" + content + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--\r\n",
        b"--b",
        b"--b\r\n\r\n",
        b"nothing of the kind",
        b"\x00" * 1000,
        form(b'name="file"; filename="a.png"'),
        form(b'name="image"'),
        form(b"filename=a.png"),
        form(b'name="image"; filename="a.png"', boundary=b"another"),
        form(b'name="image"; filename="a\x00.png"', b"no image"),
        form(b'name="\x00"; filename="a.png"'),
        form(b'name="image"; filename="a.png"')[:200],
        b"--b\r\n" + b"X-Header: 1\r\n" * 5000 + b"\r\n\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: " + b"x" * 50_000 + b"\r\n\r\n--b--\r\n",
    ],
    ids=range(15),
)
@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_form_that_is_none_is_refused(
    target: Target, method: str, route: str, body: bytes
) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = target.client.request(method, route, content=body, headers=headers)
    check_problem(answer)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/x-www-form-urlencoded",
        "application/json",
        "image/png",
        "\x80\xff",
        "",
    ],
)
@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_body_of_another_type_is_refused(
    target: Target, method: str, route: str, kind: str
) -> None:
    headers = {b"content-type": kind.encode("latin-1")}
    check_problem(target.client.request(method, route, content=PNG, headers=headers))


def test_a_name_with_a_nul_in_it_means_nothing(target: Target) -> None:
    body = form(b'name="image"; filename="a\x00/../b.png"')
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = target.client.post("/api/reverse_search", content=body, headers=headers)
    assert answer.is_success or check_problem(answer)


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_two_files_are_refused(target: Target, method: str, route: str) -> None:
    files = [("image", PNG), ("image", JPEG)]
    check_problem(target.client.request(method, route, files=files), 422)


def test_a_form_of_many_parts_is_refused(target: Target) -> None:
    files = [("image", b"x")] * 3000
    check_problem(target.client.post("/api/reverse_search", files=files))
    data = {str(number): "x" for number in range(3000)}
    check_problem(target.client.post("/api/reverse_search", data=data))


# -- parameters ----------------------------------------------------------------------

WRONG = ["k=0", "k=-1", "k=1e9", "k=1000000000", "k=abc", "k=", "k=1.5", "k=%00"]
WRONG += ["radius=nan", "radius=-1", "radius=abc", "radius=", "k=5&radius=5", ""]
WRONG += ["k=99999999999999999999999999999999999999", "radius=-inf"]


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_depth_is_refused(target: Target, query: str) -> None:
    for name in ("phash", "color"):
        path = f"/api/{name}/search?{query}"
        check_problem(target.client.post(path, files={"image": PNG}), 422)
        check_problem(target.client.get(f"/api/{name}/images/1/similar?{query}"), 422)
        fields = dict(part.split("=") for part in query.split("&") if part)
        answer = target.client.post(
            f"/api/{name}/search", files={"image": PNG}, data=fields
        )
        check_problem(answer, 422)


@pytest.mark.parametrize("radius", ["inf", "1e308", "1e30", "99999999999999999999"])
def test_a_radius_without_end_finds_all_or_is_refused(
    target: Target, radius: str
) -> None:
    for name in ("phash", "color"):
        path = f"/api/{name}/search?radius={radius}"
        answer = target.client.post(path, files={"image": PNG})
        if answer.is_success:
            assert 1 in [match["image_id"] for match in answer.json()["matches"]]
        else:
            check_problem(answer, 422)
        path = f"/api/{name}/images/1/similar?radius={radius}"
        answer = target.client.get(path)
        assert answer.is_success or check_problem(answer, 422)


@pytest.mark.parametrize("k", ["0", "-1", "1e9", "1000000000", "abc", "nan", "\0"])
def test_a_wrong_k_of_a_reverse_search_is_refused(target: Target, k: str) -> None:
    files, data = {"image": PNG}, {"k": k}
    answer = target.client.post("/api/reverse_search", files=files, data=data)
    check_problem(answer, 422)


@pytest.mark.parametrize(
    "field", [{"find_duplicate": "perhaps"}, {"services": "nothing"}]
)
def test_a_wrong_field_is_refused(target: Target, field: dict[str, str]) -> None:
    answer = target.client.post("/api/reverse_search", files={"image": PNG}, data=field)
    check_problem(answer, 404, 422)


IDS = ["-1", str(2**53), str(2**63), str(2**64), "9" * 5000, "abc", "1.5", "%00", "1e3"]
IDS += ["%2e%2e", "..%2f..%2fetc%2fpasswd", "%F0%9F%92%A9", "0x10", "nan", "true", "'"]


@pytest.mark.parametrize("image_id", IDS)
def test_a_wrong_id_is_refused(target: Target, image_id: str) -> None:
    send = target.client.request
    for path in ("", "/thumbnail", "/file", "/view"):
        check_problem(send("GET", f"/api/images/{image_id}{path}"), 404, 422)
    check_problem(send("DELETE", f"/api/images/{image_id}"), 404, 405, 422)
    files = {"image": PNG}
    check_problem(send("PUT", f"/api/images/{image_id}", files=files), 404, 405, 422)
    for name in ("phash", "color"):
        path = f"/api/{name}/images/{image_id}"
        check_problem(send("GET", f"{path}/similar?k=1"), 404, 422)
        check_problem(send("DELETE", path), 404, 405, 422)
        check_problem(send("PUT", path, files=files), 404, 405, 422)


@pytest.mark.parametrize("image_id", [0, 123_456, 2**53 - 1])
def test_an_id_that_nobody_has_is_not_found(target: Target, image_id: int) -> None:
    send = target.client.request
    for path in ("", "/thumbnail", "/file", "/view"):
        check_problem(send("GET", f"/api/images/{image_id}{path}"), 404)
    check_problem(send("DELETE", f"/api/images/{image_id}"), 404)
    for name in ("phash", "color"):
        check_problem(send("GET", f"/api/{name}/images/{image_id}/similar?k=1"), 404)
        check_problem(send("DELETE", f"/api/{name}/images/{image_id}"), 404)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "~",
        "~7",
        "'~1",
        "%00~1",
        "2020-13-01~1",
        "2020-01-01~x",
        "2020-01-01~" + "9" * 30,
        "2020-01-01~-" + "9" * 30,
        "9" * 5000,
    ],
)
def test_a_wrong_page_is_refused_or_empty(target: Target, after: str) -> None:
    answer = target.client.get(f"/api/images?after={after}")
    assert answer.is_success or check_problem(answer, 422)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "abc", "1e2", "9" * 50])
def test_a_wrong_limit_is_refused(target: Target, limit: str) -> None:
    check_problem(target.client.get(f"/api/images?limit={limit}"), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing/images/1/similar?k=1", 404),
        ("POST", "/nothing/search", 404),
        ("PUT", "/api/nothing/images/1", 404),
        ("GET", "/api/images/1/nothing", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/static/..%2f..%2f..%2fpages.py", 404),
        ("POST", "/api/images/1", 405),
        ("DELETE", "/api/reverse_search", 405),
        ("GET", "/api/reverse_search", 405),
        ("PATCH", "/api/phash", 405),
        ("TRACE", "/api/phash", 405),
        ("NONSENSE", "/api/phash/search", 405),
    ],
)
def test_a_wrong_address_is_answered(
    target: Target, method: str, path: str, status: int
) -> None:
    check_problem(target.client.request(method, path), status)


@pytest.mark.parametrize("path", ["/", "/healthz", "/docs", "/api/images", "/nothing"])
def test_a_page_that_rebinds_its_name_reads_nothing(target: Target, path: str) -> None:
    headers = {"host": "evil.example:44444"}
    sentence = check_problem(target.client.get(path, headers=headers), 421)
    assert "allowed_hosts" in sentence


UNKNOWN = ["servces", "colour", "Image", "image[]", "\0", "a" * 1000]


@pytest.mark.parametrize("field", UNKNOWN, ids=range(len(UNKNOWN)))
@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_field_that_nobody_reads_is_refused(
    target: Target, method: str, route: str, field: str
) -> None:
    answer = target.client.request(
        method, route, files={"image": PNG}, data={field: "x"}
    )
    assert "unknown: " in check_problem(answer, 422)
    assert len(answer.text) < 300


def test_long_addresses_and_headers_do_no_harm(target: Target) -> None:
    check_problem(target.client.get("/" + "a" * 8000), 404)
    with target.server.client() as client:
        headers = {"x-long": "a" * 50_000}
        assert client.get("/healthz", headers=headers).status_code in (200, 400, 431)
    target.check_well()


def test_nothing_is_left_of_what_was_refused(target: Target) -> None:
    target.client.delete("/api/images/7")
    target.client.delete("/api/phash/images/7")
    target.client.delete("/api/color/images/7")
    data = target.folder / "data"
    assert target.client.get("/api/images").json()["total"] == 1
    assert [p for p in (data / "staging").rglob("*") if p.is_file()] == []
    assert len([p for p in (data / "originals").rglob("*") if p.is_file()]) == 1
