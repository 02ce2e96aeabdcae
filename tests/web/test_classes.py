"""The page's API with networks of other classes than digits: their names, the whole picture, no cutting into digits."""

import numpy as np
import pytest

import nnscratch as nn
from tests.tools.glyphs import LETTERS

pytest.importorskip("flask")
from nnscratch.web.app import create_app

LINES = [[[10, 140], [270, 140]], [[140, 60], [140, 200]]]


@pytest.fixture(scope="module")
def client():
    model = nn.build("logistic", classes=LETTERS)
    model.parameters["dense1.b"][2] = 100  # C, whatever it sees
    model.limits = nn.models.confidence.Thresholds(sure=0.9, familiar=-1e9)
    return create_app({"letters": model}).test_client()


def test_the_list_of_models_names_the_classes(client):
    assert client.get("/api/models").get_json()["models"][0]["classes"] == list(LETTERS)


def test_a_drawing_is_read_whole(client):
    answer = client.post("/api/predict", json={"strokes": LINES}).get_json()
    assert [stage["name"] for stage in answer["stages"]] == ["grey", "square"]
    ((prediction,),) = (one["predictions"] for one in answer["digits"])
    assert (prediction["class"], prediction["digit"]) == ("C", 2) and len(prediction["probabilities"]) == 26
    assert answer["verdict"] == prediction["verdict"] == "sure"


def test_a_class_is_asked_for_by_its_number(client):
    body = {"strokes": LINES, "explain": True}
    answer = client.post("/api/predict", json=body | {"target": 25}).get_json()
    assert np.size(answer["explanations"]) == 1
    refused = client.post("/api/predict", json=body | {"target": 26})
    assert refused.status_code == 400 and "the number of a class" in refused.get_json()["error"]["message"]
