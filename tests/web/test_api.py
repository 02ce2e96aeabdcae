"""The page's API: every answer has its keys, and every malformed request gets a 4xx answer in JSON."""

import base64
import gzip
import io
import json
import logging
import re
import threading
import zlib
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import nnscratch as nn
from nnscratch.models.pretrained import manifest, pretrained
from nnscratch.pictures.drawing import render, render_cropped
from nnscratch.pictures.preprocess import to_mnist
from tests.tools.photos import DIGITS, written

flask = pytest.importorskip("flask")
from nnscratch.web.app import create_app  # noqa: E402

NAMES = ["lenet5", "mlp", "logistic"]


@pytest.fixture(scope="module")
def models():
    return {name: nn.load(pretrained(name)) for name in NAMES}


@pytest.fixture(scope="module")
def client(models):
    return create_app(models).test_client()


def strokes_of(digit):
    return [(stroke * 2.5 + 120).tolist() for stroke in DIGITS[digit]]


def url_of(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def predict(client, **body):
    return client.post("/api/predict", json=body)


# ---- what is answered


def test_three_networks_read_a_drawing(client, models):
    answer = predict(client, strokes=strokes_of(3)).get_json()
    assert answer["verdict"] == answer["digits"][0]["predictions"][0]["verdict"]
    (digit,) = answer["digits"]
    assert [p["model"] for p in digit["predictions"]] == NAMES
    image = to_mnist(render_cropped([np.array(stroke) for stroke in strokes_of(3)]))
    for prediction in digit["predictions"]:
        p = models[prediction["model"]].predict_proba(image[None])[0]
        np.testing.assert_allclose(prediction["probabilities"], p, atol=1e-5)
        assert prediction["digit"] == int(p.argmax()) and prediction["second"] == int(np.argsort(p)[-2])
        assert prediction["milliseconds"] >= 0
    assert [stage["name"] for stage in answer["stages"]][-1] == "mnist"
    last = answer["stages"][-1]
    pixels = np.frombuffer(base64.b64decode(last["pixels"]), np.uint8).reshape(last["height"], last["width"])
    np.testing.assert_array_equal(pixels, image)
    assert "explanations" not in answer


def test_one_model_is_asked_alone(client):
    answer = predict(client, strokes=strokes_of(5), models=["mlp"]).get_json()
    assert [p["model"] for p in answer["digits"][0]["predictions"]] == ["mlp"]


def test_a_picture_is_read_as_the_strokes_that_made_it(client):
    drawn = render([np.array(stroke) for stroke in strokes_of(2)])
    picture = Image.fromarray(np.rint(255 * (1 - drawn)).astype(np.uint8))
    by_picture = predict(client, image=url_of(picture)).get_json()["digits"][0]["predictions"]
    by_strokes = predict(client, strokes=strokes_of(2)).get_json()["digits"][0]["predictions"]
    assert [p["digit"] for p in by_picture] == [p["digit"] for p in by_strokes]


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_of_28_by_28_is_one_digit_as_it_is(client, inverted):
    digit = nn.load_mnist().test_images[167]  # in two pieces
    picture = Image.fromarray(255 - digit if inverted else digit)
    answer = predict(client, image=url_of(picture), single=False).get_json()
    last = answer["stages"][-1]
    assert last["name"] == "mnist" and len(answer["digits"]) == 1
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(last["pixels"]), np.uint8).reshape(28, 28), digit)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_every_kind_of_picture(client, kind):
    drawn = render([np.array(stroke) for stroke in strokes_of(7)])
    picture = Image.fromarray(np.rint(255 * drawn).astype(np.uint8)).resize((200, 200))
    assert predict(client, image=url_of(picture, kind)).status_code == 200


def test_several_digits_are_a_number_unless_told_otherwise(client):
    strokes = [stroke.tolist() for stroke in written([4, 2], 60, 150, 180)]
    answer = predict(client, strokes=strokes, single=False, brush=14).get_json()
    assert answer["numbers"]["lenet5"] == "42" and len(answer["digits"]) == 2
    left, top, width, height = answer["digits"][1]["box"]
    assert 220 < left < 280 and 130 < top < 160 and width < 140 and 170 < height < 210
    assert len(predict(client, strokes=strokes, single=True).get_json()["digits"]) == 1


def test_more_digits_than_are_read_are_refused_and_not_a_failure(client):
    dots = [[[20 + 45 * k, 20 + 45 * row], [20 + 45 * k, 40 + 45 * row]] for k in range(10) for row in range(10)]
    response = predict(client, strokes=dots, single=False, brush=6)
    assert response.status_code == 422 and "at most 50" in response.get_json()["error"]["message"]
    assert predict(client, strokes=dots, single=True, brush=6).status_code == 200


@pytest.mark.parametrize("strokes", [[], [[]]])
def test_nothing_drawn(client, strokes):
    answer = predict(client, strokes=strokes).get_json()
    assert answer["verdict"] == "nothing drawn" and answer["digits"] == []


@pytest.mark.slow
def test_the_explanation_is_the_networks_own(client, models):
    answer = predict(client, strokes=strokes_of(8), explain=True, target=3).get_json()
    image = to_mnist(render_cropped([np.array(stroke) for stroke in strokes_of(8)]))
    for told in answer["explanations"]:
        model = models[told["model"]]
        assert told["target"] == 3
        expected = numeric_gradient(model, image, 3)
        saliency = np.frombuffer(base64.b64decode(told["saliency"]["signed"]), np.int8).reshape(28, 28)
        got = saliency * told["saliency"]["top"] / 127
        places = np.abs(expected).argsort(axis=None)[-5:]
        np.testing.assert_allclose(
            got.ravel()[places], expected.ravel()[places], rtol=0.1, atol=0.02 * abs(expected).max()
        )
    lenet, mlp, logistic = answer["explanations"]
    assert [len(maps["images"]) for maps in lenet["maps"]] == [6, 16]
    assert [len(layer["units"]) for layer in mlp["units"]] == [8, 8]
    assert len(logistic["templates"]) == 10


def test_a_digit_of_several_is_explained_as_it_is_alone(client):
    strokes = [stroke.tolist() for stroke in written([4, 2], 60, 150, 180)]
    second = [stroke for stroke in strokes if stroke[0][0] > 200]
    body = {"single": False, "brush": 14, "explain": True}
    answer = predict(client, strokes=strokes, digit=1, **body).get_json()
    alone = predict(client, strokes=second, **body).get_json()
    assert answer["numbers"]["lenet5"] == "42"
    assert [told["target"] for told in answer["explanations"]] == [told["target"] for told in alone["explanations"]]
    assert answer["explanations"][0]["target"] == 2
    assert predict(client, strokes=strokes, **body).get_json()["explanations"][0]["target"] == 4  # the first by default
    assert predict(client, strokes=strokes, digit=2, **body).status_code == 422


def numeric_gradient(model, image, target):
    """By differences, in float64, of the logit: for the pixels that matter most."""
    x = model.batches(image[None]).x(np.arange(1)).astype(np.float64)
    network = nn.Sequential(
        [type(layer)(**layer.settings()) for layer in model.layers], model.input_shape, dtype="float64"
    )
    network.theta[:] = model.theta
    step, found = 1e-4, np.zeros(784)
    for k in range(784):
        for sign in (1, -1):
            moved = x.copy()
            moved.ravel()[k] += sign * step
            found[k] += sign * network.forward(moved)[target, 0] / (2 * step)
    return found.reshape(28, 28)


def test_what_else_there_is(client):
    assert client.get("/healthz").get_json()["status"] == "ok"
    told = client.get("/api/models").get_json()["models"]
    assert [(m["name"], m["parameters"]) for m in told] == [("lenet5", 34622), ("mlp", 399210), ("logistic", 7850)]
    digit = client.get("/api/digits/7").get_json()
    assert digit["label"] == 9
    pixels = np.frombuffer(base64.b64decode(digit["image"]["pixels"]), np.uint8).reshape(28, 28)
    np.testing.assert_array_equal(pixels, nn.load_mnist().test_images[7])
    page = client.get("/")
    assert page.status_code == 200 and b"<script>" not in page.data and b"style=" not in page.data


# ---- what is refused


TRUNCATED = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


def bomb(width, height):
    """A PNG that says it is large, and is small."""
    image = Image.new("1", (8, 8))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return f"data:image/png;base64,{base64.b64encode(bytes(data)).decode()}"


REFUSED = [
    ([], 400, "not_an_object"),
    ({}, 400, "one_of_two"),
    ({"image": "x", "strokes": []}, 400, "one_of_two"),
    ({"stroke": []}, 400, "unknown_key"),
    ({"strokes": 5}, 400, "bad_strokes"),
    ({"strokes": [5]}, 400, "bad_strokes"),
    ({"strokes": [[[1]]]}, 400, "bad_strokes"),
    ({"strokes": [[[1, "2"]]]}, 400, "bad_strokes"),
    ({"strokes": [[[1, 1e300]]]}, 400, "bad_strokes"),
    ({"strokes": [[[0, 0]] * 5_001]}, 413, "too_many_points"),
    ({"strokes": [[[0, k % 500], [500, k % 500]] for k in range(101)]}, 413, "too_much_ink"),
    ({"strokes": [], "brush": 0}, 400, "bad_brush"),
    ({"strokes": [], "brush": "24"}, 400, "bad_brush"),
    ({"strokes": [], "brush": True}, 400, "bad_brush"),
    ({"strokes": [], "brush": 100.5}, 400, "bad_brush"),
    ({"strokes": [], "models": []}, 400, "bad_models"),
    ({"strokes": [], "models": "mlp"}, 400, "bad_models"),
    ({"strokes": [], "models": ["resnet"]}, 400, "unknown_model"),
    ({"strokes": [], "explain": 1}, 400, "bad_explain"),
    ({"strokes": [], "single": None}, 400, "bad_single"),
    ({"strokes": [], "digit": -1}, 400, "bad_digit"),
    ({"strokes": [], "digit": True}, 400, "bad_digit"),
    ({"strokes": strokes_of(3), "explain": True, "digit": 1}, 422, "no_such_digit"),
    ({"strokes": [], "target": 10}, 400, "bad_target"),
    ({"strokes": [], "target": True}, 400, "bad_target"),
    ({"image": 5}, 400, "bad_image"),
    ({"image": "http://example.org/x.png"}, 400, "bad_image"),
    ({"image": "data:image/png,abc"}, 400, "bad_image"),
    ({"image": "data:image/png;base64,@@@"}, 400, "bad_base64"),
    ({"image": "data:image/png;base64,"}, 422, "not_a_picture"),
    ({"image": "data:image/png;base64,aGVsbG8="}, 422, "not_a_picture"),
    ({"image": f"data:image/png;base64,{TRUNCATED}"}, 422, "not_a_picture"),
    ({"image": bomb(2001, 2000)}, 413, "too_many_pixels"),
    ({"image": bomb(100_000, 100_000)}, 413, "too_many_pixels"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
def test_wrong_requests_are_told_what_is_wrong(client, body, status, code):
    response = client.post("/api/predict", json=body)
    told = response.get_json()
    assert (response.status_code, told["error"]["code"]) == (status, code)
    assert set(told) == {"error"} and set(told["error"]) == {"code", "message"}
    assert "\n" not in told["error"]["message"] and len(told["error"]["message"]) < 300


@pytest.mark.parametrize(
    "body", [{"strokes": [[[0, 0]] * 5_000]}, {"strokes": [], "brush": 1}, {"strokes": [], "brush": 100}]
)
def test_requests_at_a_limit_are_answered(client, body):
    assert client.post("/api/predict", json=body).status_code == 200


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b'{"strokes": NaN', b'{"strokes": [[[NaN, Infinity]]]}', b"null"]
)
def test_bodies_that_are_no_json(client, data):
    response = client.post("/api/predict", data=data, content_type="application/json")
    assert response.status_code == 400 and "error" in response.get_json()


def test_other_methods_types_addresses_and_sizes(client):
    refused = client.get("/api/predict")
    assert refused.status_code == 405 and refused.allow.as_set() == {"options", "post"}
    assert "send OPTIONS or POST" in refused.get_json()["error"]["message"]
    assert client.post("/api/predict", data="{}", content_type="text/plain").status_code == 415
    assert client.post("/api/models", json={}).status_code == 405
    assert client.get("/nowhere").status_code == 404
    assert client.get("/api/digits/10000").status_code == 404
    assert client.get("/static/../app.py").status_code == 404
    assert client.post("/api/predict", data=b"x" * 1_000_001, content_type="application/json").status_code == 413
    for path in ("/nowhere", "/api/predict"):
        assert "message" in client.get(path).get_json()["error"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
BODY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("image", "strokes", "brush", "models", "explain", "digit", "target", "single"), JSON)
)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON | BODY)
def test_no_body_makes_the_server_fail(client, body):
    response = client.post("/api/predict", data=json.dumps(body), content_type="application/json")
    assert response.status_code in (200, 400, 413, 422)
    assert response.is_json


# ---- what every answer carries


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/models", "/nowhere", "/static/style.css"])
def test_headers(client, path):
    with client.get(path) as response:
        response.get_data()
        headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer" and "Set-Cookie" not in headers
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")


@pytest.mark.parametrize("kind", ["lists", "objects"])
def test_deep_nesting_is_refused_at_every_depth(client, kind):
    """Near the interpreter's limit a body can be read, but not always be told of."""
    start, end = ("[", "]") if kind == "lists" else ('{"a":', "}")
    for depth in range(800, 1010, 3):
        body = '{"strokes":' + start * depth + "1" + end * depth + "}"
        response = client.post("/api/predict", data=body, content_type="application/json")
        assert response.status_code == 400, depth


def test_too_many_at_a_time_are_asked_to_come_again(models):
    entered, leave = threading.Event(), threading.Event()

    def read(image):
        entered.set()
        leave.wait(10)
        return models["mlp"].read(image)

    slow = nn.load_pretrained("logistic")
    slow.read = read
    app = create_app({"slow": slow}, at_once=1)
    first = threading.Thread(target=lambda: predict(app.test_client(), strokes=strokes_of(1)))
    first.start()
    assert entered.wait(10)
    busy = predict(app.test_client(), strokes=strokes_of(1))
    assert busy.status_code == 503 and busy.headers["Retry-After"] == "1"
    leave.set()
    first.join()
    assert predict(app.test_client(), strokes=strokes_of(1)).status_code == 200


def test_a_failure_inside_is_told_and_says_nothing_of_the_inside(models):
    def read(image):
        raise RuntimeError("secret")

    broken = nn.load_pretrained("logistic")
    broken.read = read
    app = create_app({"broken": broken}, at_once=1)
    for _ in range(3):  # and the gate opens again
        response = predict(app.test_client(), strokes=strokes_of(1))
        assert response.status_code == 500 and "secret" not in response.get_data(as_text=True)


def test_figures_that_json_does_not_have_are_left_out(models):
    """A file may say of a network that its loss is NaN; no browser would read the list."""
    model = next(iter(models.values()))
    before, model.info = model.info, {"test": {"loss": float("nan")}}
    answer = create_app({"one": model}).test_client().get("/api/models")
    model.info = before
    assert json.loads(answer.data, parse_constant=pytest.fail)["models"][0]["info"] == {}


def test_one_network_decides_as_on_the_page(client):
    """The first that is asked, whatever the others say."""
    cross = [[[150, 250], [350, 250]], [[250, 150], [250, 350]]]
    different = 0
    for strokes in (cross, strokes_of(3)):
        for name in NAMES:
            others = [other for other in NAMES if other != name]
            answer = predict(client, strokes=strokes, models=[name, *others]).get_json()
            verdicts = [one["verdict"] for one in answer["digits"][0]["predictions"]]
            assert answer["verdict"] == verdicts[0]
            different += len(set(verdicts)) > 1
    assert different > 0


# ---- where it stands, what is told of the networks, how it is sent and logged


@pytest.mark.parametrize("host", ["a" * 5_000, "x" * 70_000])
def test_a_bad_host_is_told_to_be_one(client, host):
    response = client.get("/healthz", headers={"Host": host})
    assert response.status_code == 400 and "Host" in response.get_json()["error"]["message"]


def test_400_dots_are_refused_before_they_are_drawn(client, monkeypatch):
    monkeypatch.setattr("nnscratch.pictures.several.strokes.render_cropped", pytest.fail)
    dots = [[[20 + 24 * k, 20 + 24 * row]] for row in range(20) for k in range(20)]
    ticks = [[[20 + 24 * k, 20 + 24 * row], [20 + 24 * k, 30 + 24 * row]] for row in range(20) for k in range(20)]
    for strokes in (dots, ticks):
        response = predict(client, strokes=strokes, single=False, brush=8)
        assert response.status_code == 422 and "about 400 digits" in response.get_json()["error"]["message"]


def test_many_strokes_that_hang_together_are_not_many_pieces(client):
    row = [[[50 + k, 240], [51 + k, 250 + k % 3]] for k in range(400)]
    outside = [[[1000 + 30 * k, 1000]] for k in range(400)]
    for strokes in (row, row + outside):
        assert predict(client, strokes=strokes, single=False, brush=8).status_code == 200


def test_what_is_known_of_the_networks_that_come_with_the_library(client):
    told = {one["name"]: one for one in client.get("/api/models").get_json()["models"]}
    for name, known in manifest().items():
        assert told[name]["info"] == {"accuracy": known["test_accuracy"], "loss": known["test_loss"]}
        training = told[name]["training"]
        assert training["command"] == known["command"] and training["epochs"] == known["settings"]["epochs"]
        assert training["settings"] == known["settings"]


def test_another_network_of_the_same_name_does_not_borrow_its_figures(models):
    other = nn.load(pretrained("logistic"))
    other.theta[0] += 1
    (told,) = create_app({"logistic": other}).test_client().get("/api/models").get_json()["models"]
    assert told["info"] == {} and "command" not in told["training"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/models"])
def test_below_a_path_that_a_proxy_leaves(client, path):
    prefix = {"X-Forwarded-Prefix": "/a/digits"}
    below = client.get(f"/a/digits{path}", headers=prefix).data
    assert below.replace(b"//localhost/a/digits/", b"//localhost/") == client.get(path).data  # the picture's address
    assert client.get(path, headers=prefix).status_code == 200  # and one that takes it off, and tells it
    assert client.get(f"/a/digitsx{path}", headers=prefix).status_code == 404


@pytest.mark.parametrize(
    ("prefix", "place"), [("/digits", "./digits/"), ("/a/b", "./b/"), ("/javascript:x", "./javascript%3Ax/")]
)
def test_the_path_itself_leads_to_the_page(client, prefix, place):
    by_proxy = client.get(prefix, headers={"X-Forwarded-Prefix": prefix})
    by_server = client.get("", environ_overrides={"SCRIPT_NAME": prefix, "PATH_INFO": ""})
    for response in (by_proxy, by_server):
        assert (response.status_code, response.headers["Location"]) == (308, place)


def test_two_slashes_are_another_address_and_no_redirect(client):
    assert client.get("/api//models").status_code == 404


@pytest.mark.parametrize("path", ["/", "/api/models", "/static/style.css"])
def test_answers_are_packed_for_those_who_read_that(client, path):
    plain, packed = client.get(path), client.get(path, headers={"Accept-Encoding": "br, gzip"})
    assert gzip.decompress(packed.data) == plain.data and len(packed.data) == packed.content_length < len(plain.data)
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for accepted in ("gzip;q=0", "br", "identity, gzip;q=0.5"):
        assert client.get(path, headers={"Accept-Encoding": accepted}).data == plain.data


def test_predictions_are_packed_and_small_answers_are_not(client):
    reads = {"Accept-Encoding": "gzip"}
    answer = client.post("/api/predict", json={"strokes": strokes_of(3)}, headers=reads)
    assert json.loads(gzip.decompress(answer.data))["digits"]
    assert "Content-Encoding" not in client.get("/healthz", headers=reads).headers


def test_a_packed_file_has_a_tag_of_its_own(client):
    reads = {"Accept-Encoding": "gzip"}
    plain, packed = (
        client.get("/static/style.css").headers["ETag"],
        client.get("/static/style.css", headers=reads).headers["ETag"],
    )
    assert plain != packed
    again = client.get("/static/style.css", headers={"If-None-Match": packed, **reads})
    assert again.status_code == 304 and again.data == b"" and again.headers["Vary"] == "Accept-Encoding"
    assert client.get("/static/style.css", headers={"If-None-Match": packed}).status_code == 200
    assert client.get("/static/style.css", headers={"If-None-Match": plain, **reads}).status_code == 200


def test_a_request_is_a_line_that_holds_nothing_of_it(client, caplog):
    caplog.set_level(logging.INFO, "nnscratch.web")
    client.get("/healthz?secret=1")
    client.post("/api/predict", json={"strokes": [[["secret", 1]]]})
    client.get("/secr\n\x1b[31m" + "e" * 500)
    first, second, third = (record.getMessage() for record in caplog.records)
    assert re.fullmatch(r"GET /healthz 200, [\d.]+ ms, 34 bytes, to 127.0.0.1", first)
    assert re.fullmatch(r"POST /api/predict 400 bad_strokes, [\d.]+ ms, [\d,]+ bytes, to 127.0.0.1", second)
    assert third.isprintable() and len(third) < 300


def test_a_failure_is_logged_by_its_place(models, caplog):
    def fail(body):
        raise ValueError(f"secret {body!r}")

    assert predict(create_app(models, reply=fail).test_client(), strokes=[]).status_code == 500
    assert "ValueError in test_api.py:" in caplog.text and "secret" not in caplog.text


@pytest.fixture
def any_server():
    """The module for any WSGI server, which holds BLAS to one thread for the life of its process: here, of a test."""
    from nnscratch.web import wsgi

    yield wsgi
    wsgi._one_thread.close()


def test_the_application_for_any_server(any_server):
    told = []
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/api/models", "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    answer = validator(any_server.app)(environ, lambda status, headers, info=None: told.append(status))
    assert [one["name"] for one in json.loads(b"".join(answer))["models"]] == NAMES and told == ["200 OK"]
    answer.close()
