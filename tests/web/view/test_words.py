"""What was read, in a sentence."""

import pytest

SENTENCE = """
const { sentence } = await import('/words.js');
const of = (confidence) => ({ digit: 0, verdict: 'unsure', probabilities: [confidence, 1 - confidence], confidence });
return [0.89, 0.9].map((confidence) => sentence([of(confidence)], ['5', '8'], true));
"""


@pytest.mark.thorough
def test_what_is_not_sure_is_perhaps_or_probably(engine):
    assert [text.split(" (")[0] for text in engine.run(SENTENCE)] == ["Perhaps a 5", "Probably a 5"]
