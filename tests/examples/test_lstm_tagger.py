"""examples/lstm_tagger.py: the tags come out of the parser right, and the network beats the table of words."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

run = runner("lstm_tagger")

SOURCE = """
from os import path as p
class Thing(Base):
    def method(self, é=None, *rest):
        self.items = [é.name for item in sorted(names, key=len)]; return é.call(x)[0]
"""


def test_tags():
    tagger = load("lstm_tagger")
    found = [
        " ".join(f"{word}/{tagger.TAGS[tag]}" for word, tag in zip(*line, strict=True))
        for line in tagger.sentences(SOURCE)
    ]
    assert found == [
        "from/keyword os/import import/keyword path/import as/keyword p/import",
        "class/keyword Thing/definition Base/read",
        "def/keyword method/definition self/parameter é/parameter None/keyword rest/parameter",
        "self/read items/attribute é/read name/attribute for/keyword item/written in/keyword sorted/call names/read "
        "key/argument len/read return/keyword é/read call/call x/read",
    ]


def test_it_learns(run, device, tmp_path, capsys):
    results = run(device, "--epochs", "1")
    assert results["accuracy"] > results["baseline"] > 0.5
    assert "sorted/" in capsys.readouterr().out
    assert_pictures(tmp_path, "tags.png")
