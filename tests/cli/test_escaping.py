"""Text from outside stays text: on the terminal, in reports, in pages. A browser opens them, and nothing may run."""

import json
import re
import threading

import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.files.atomic import write_json
from tests.tools.commands import run_inside

pytest.importorskip("flask")

TAG = '"><img src=x onerror=alert(1)><svg onload=alert(2)>'
STEER = "a\x1b[31mb\nc\x07\r\u202ed$x^$"  # colours, a line of its own, a bell, right to left; a broken formula
SCRIPT = "<script>alert(1)</script>.png"  # as a path: a folder and a file in it
EVIL = TAG + STEER


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Pictures in a folder of an evil name, a run and a sweep on them, and a network that calls itself so."""
    place = tmp_path_factory.mktemp("evil")
    mnist = nn.load_mnist()
    for k in range(40):
        digit = place / EVIL / str(mnist.test_labels[k])
        digit.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mnist.test_images[k]).save(digit / f"{k}{EVIL}.png")
    (place / SCRIPT).parent.mkdir()
    Image.fromarray(255 - mnist.test_images[0]).resize((90, 90)).save(place / SCRIPT)
    model = nn.build("logistic")
    model.info = {"name": EVIL, "test": {"accuracy": EVIL}, "settings": {EVIL: EVIL}}
    model.save(place / f"{TAG}.npz")
    return place


def done(place, *arguments, codes=(0,)):
    """What a command prints, which must not steer the terminal."""
    code, out, err = run_inside(*arguments, cwd=place)
    assert code in codes, err
    wrong = {c for c in out + err if not (c.isprintable() or c == "\n")}
    assert not wrong, (wrong, out, err)
    return out, err


QUICK = ("--recipe", "original", "--limit", "34", "--epochs", "1")


def make_run(place):
    out, _ = done(place, "train", "logistic", "--data", EVIL, *QUICK, "--out", "run")
    assert "\nc\\x07" not in out  # nor does a name begin a line of its own
    done(place, "runs", "compare", "run", "--out", f"compared{TAG}")
    return ["run/report.html", f"compared{TAG}/report.html"]


def make_studies(place):
    model = f"{TAG}.npz"
    done(place, "study", "network", model, "--out", "network.html")
    done(place, "study", "step", model, SCRIPT, "--label", "7", "--out", "step.html")
    done(place, "study", "train", "logistic", "--data", EVIL, *QUICK, "--out", "train.html")
    some = ("--recipe", "original", "--limit", "34")
    done(place, "profile", "logistic", "--data", EVIL, *some, "--html", "profile.html")
    return ["network.html", "step.html", "train.html", "profile.html"]


MAKERS = [make_run, make_studies]


def harmless(browser, url):
    """Open a page, without the policy that would save it, and return its text; nothing from outside may have run."""
    context = browser.new_context(bypass_csp=True)
    page, ran = context.new_page(), []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.goto(url)
    page.wait_for_timeout(300)
    assert ran == []
    assert page.locator("img[src=x], svg[onload], [onerror]").count() == 0
    assert not any("alert(" in text for text in page.locator("script:not([type])").all_text_contents())
    text = page.locator("body").inner_text() + page.title()
    context.close()
    return text


def test_the_check_sees_what_runs(browser, tmp_path):
    for text in (TAG, "<script>alert(1)</script>"):
        (tmp_path / "bad.html").write_text(f"<!doctype html><body>{text}")
        with pytest.raises(AssertionError):
            harmless(browser, (tmp_path / "bad.html").as_uri())


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_pages_show_evil_names_as_text(make, place, browser):
    for name in make(place):
        page = (place / name).read_text("utf-8")
        assert not re.search(r"<(img src=x|svg onload|script>alert)", page)
        assert "\x1b" not in page and "\x07" not in page
        text = harmless(browser, (place / name).as_uri())
        assert "<img src=x" in text or name == "step.html", name


def test_names_of_pictures_on_the_terminal(place):
    out, _ = done(place, "predict", SCRIPT, "--model", "logistic")
    assert out.startswith(SCRIPT) and out.count("\n") == 1
    done(place, "predict", f"{EVIL}/{nn.load_mnist().test_labels[0]}", "--model", f"{TAG}.npz")
    out, _ = done(place, "predict", f"{EVIL}/7", "--model", "logistic", "--json")
    assert all(EVIL in answer["file"] for answer in json.loads(out))
    _, err = done(place, "predict", EVIL + "/none.png", codes=(1,))
    assert err.count("\n") == 2  # which model, and what is wrong


def test_names_of_data_on_the_terminal(place):
    for arguments in (
        ("evaluate", f"{TAG}.npz", "--data", EVIL),
        ("sweep", "logistic", "--vary", "lr=0.1,0.2", "--data", EVIL, *QUICK, "--workers", "1", "--out", f"s{EVIL}"),
        ("train", "logistic", "--data", EVIL, "--dry-run", *QUICK),
        ("export", f"{TAG}.npz", "--to", "safetensors", "--out", f"{EVIL}.safetensors"),
        ("models", "--json"),
    ):
        done(place, *arguments, codes=(0, 2))
    for path in (place / f"s{EVIL}").iterdir():
        if path.suffix in (".csv", ".toml"):
            assert "\x1b" not in path.read_text()


def test_errors_name_evil_files_on_one_line(place):
    for arguments in (
        ("train", "--data", EVIL + "x"),
        ("train", "--config", EVIL + ".toml"),
        ("train", "--resume", EVIL),
        ("train", EVIL),
        ("predict", "test:1", "--model", EVIL),
        ("runs", "compare", EVIL),
        ("sweep", "logistic", "--vary", EVIL),
        ("study", "step", "logistic", EVIL),
        (EVIL,),
        ("train", f"--{EVIL}"),
    ):
        _, err = done(place, *arguments, codes=(1, 2))
        lines = [line for line in err.splitlines() if not line.startswith("using ")]
        assert len(lines) == 1, err


def test_runs_whose_files_name_evil(place, tmp_path):
    write_json(tmp_path / "runs" / EVIL / "run.json", {"models": [EVIL], "data": EVIL, "backend": EVIL})
    out, _ = done(tmp_path, "runs", "list")
    assert "damaged" in out


def test_the_served_page_shows_evil_names_as_text(place, browser):
    from werkzeug.serving import make_server

    from nnscratch.web.app import create_app

    app = create_app({EVIL: nn.load(place / f"{TAG}.npz")})
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        text = harmless(browser, f"http://127.0.0.1:{server.port}/")
        assert "<img src=x" in text
        for path in (f"/{TAG}", "/<script>alert(1)</script>", "/api/digits/<script>", f"/static/{TAG}"):
            harmless(browser, f"http://127.0.0.1:{server.port}{path}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    client = app.test_client()
    for sent in ({"models": [TAG]}, {TAG: 1}, {"strokes": [[[TAG, 1]]]}, {"image": f"data:{TAG};base64,AAAA"}):
        answer = client.post("/api/predict", json=sent)
        assert answer.status_code >= 400 and answer.mimetype == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
