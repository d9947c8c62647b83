"""A tagger: an LSTM that reads the words of a line of Python and says what each is.

    python examples/lstm_tagger.py

Taggers find the part of speech of each word of a sentence. The sentences here are lines of Python's standard library,
with nothing left of them but the words: of ``self.items = sorted(names, key=len)`` the network sees ``self items sorted
names key len``, and has to tell that ``items`` is an attribute, ``sorted`` a function that is called, and ``key`` the
name of an argument. The right answers come from Python's own parser. The same word is one thing here and another
there, so a table of words is not enough: the network reads the line in both directions before it decides.

Lines have different lengths: ``pad_sequence`` and ``pack_padded_sequence`` make batches of them.
(examples/seeds/lstm_tagger.py has the class alone, with a handful of English sentences.)
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import sysconfig
import tokenize
from collections import Counter
from pathlib import Path

from common import parse, progress, pyplot, save_picture

import nnlite as torch
from nnlite import nn
from nnlite.datasets import Vocabulary
from nnlite.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence
from nnlite.utils.data import DataLoader

TAGS = ["keyword", "definition", "parameter", "call", "argument", "attribute", "written", "read", "import"]
FILES = "abc argparse ast calendar cmd code codecs configparser contextlib copy csv dataclasses difflib dis doctest \
enum fractions functools gettext heapq imaplib inspect ipaddress locale mailbox mimetypes nntplib optparse pathlib \
pdb pickle platform plistlib poplib pprint profile queue random sched selectors shelve shlex smtplib socket \
socketserver statistics string subprocess tarfile telnetlib tempfile textwrap threading timeit trace traceback \
types typing unittest/case unittest/mock uuid warnings weakref webbrowser zipfile"
TOO_LONG = 40

Sentence = tuple[list[str], list[int]]


def positions(tree: ast.AST) -> dict[tuple[int, int], str]:
    """What the word at (line, column) is."""
    found: dict[tuple[int, int], str] = {}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            role = "call" if id(node) in called else "read" if isinstance(node.ctx, ast.Load) else "written"
            found[node.lineno, node.col_offset] = role
        elif isinstance(node, ast.Attribute):
            # Its name stands at the end of it.
            role = "call" if id(node) in called else "attribute"
            found[node.end_lineno, node.end_col_offset - len(node.attr.encode())] = role
        elif isinstance(node, ast.arg):
            found[node.lineno, node.col_offset] = "parameter"
        elif isinstance(node, ast.keyword) and node.arg:
            found[node.lineno, node.col_offset] = "argument"
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            skip = len("def " if isinstance(node, ast.FunctionDef) else "class ")
            found[node.lineno, node.col_offset + skip] = "definition"
    return found


def sentences(source: str) -> list[Sentence]:
    """The logical lines of a program: their words and the number of the tag of each."""
    roles = positions(ast.parse(source))
    result, words, tags, importing = [], [], [], False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            line, column = token.start[0], len(token.line[: token.start[1]].encode())
            role = roles.get((line, column))
            if keyword.iskeyword(token.string):
                role = "keyword"
                importing = importing or token.string == "import" or (token.string == "from" and not words)
            elif importing:
                role = "import"
            if role is not None:
                words.append(token.string)
                tags.append(TAGS.index(role))
        elif token.type == tokenize.NEWLINE:
            if 2 < len(words) <= TOO_LONG:
                result.append((words, tags))
            words, tags, importing = [], [], False
    return result


def load(quick: bool) -> tuple[list[Sentence], list[Sentence]]:
    """Lines to learn from, and lines of other files."""
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [path for name in FILES.split() if (path := folder / f"{name}.py").is_file()]
    texts = [path.read_text("utf-8") for path in paths[:: 8 if quick else 1]]
    held_out = len(texts) // 6 + 1
    # Every third file from the front, so that one subject does not fall into one part as a whole.
    chosen = set(range(0, 3 * held_out, 3))
    parts: tuple[list[Sentence], list[Sentence]] = [], []
    for i, text in enumerate(texts):
        parts[i in chosen].extend(sentences(text))
    return parts


class LSTMTagger(nn.Module):
    def __init__(self, words: int, endings: int, tags: int, embedding: int = 48, hidden: int = 64):
        super().__init__()
        self.words = nn.Embedding(words, embedding)
        self.endings = nn.Embedding(endings, 16)  # helps with words that were not seen before
        self.dropout = nn.Dropout(0.3)
        self.lstm = nn.LSTM(embedding + 16, hidden, batch_first=True, bidirectional=True)
        self.hidden2tag = nn.Linear(2 * hidden, tags)

    def forward(self, words: torch.Tensor, endings: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Scores (lines, words, tags) of numbers (lines, words), where line i has lengths[i] words."""
        x = self.dropout(torch.cat([self.words(words), self.endings(endings)], -1))
        packed: PackedSequence = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.hidden2tag(self.dropout(out))


class Encoder:
    """Numbers for words. A word that occurs only once counts as unknown: the network learns what to make of those."""

    def __init__(self, lines: list[Sentence]):
        self.words = Vocabulary((word for words, _ in lines for word in words), 2, ["<pad>"], unknown="<unknown>")
        self.endings = Vocabulary((self.ending(word) for words, _ in lines for word in words), 2, unknown="<unknown>")

    @staticmethod
    def ending(word: str) -> str:
        """The kind of the first letter, and the last two."""
        return ("A" if word[0].isupper() else "_" if word[0] == "_" else "a") + re.sub(r"\d", "0", word[-2:])

    def batch(self, lines: list[Sentence]) -> tuple[torch.Tensor, ...]:
        words = [self.words.encode(words) for words, _ in lines]
        endings = [self.endings.encode(map(self.ending, words)) for words, _ in lines]
        tags = [torch.tensor(tags) for _, tags in lines]
        lengths = torch.tensor([len(tags) for tags in tags])
        padded = (pad_sequence(rows, batch_first=True) for rows in (words, endings))
        return *padded, lengths, pad_sequence(tags, batch_first=True, padding_value=-100)


@torch.no_grad()
def evaluate(model: LSTMTagger, batches: DataLoader, device: torch.device) -> torch.Tensor:
    """How many words of each tag (rows) got each tag (columns)."""
    model.eval()
    counts = torch.zeros(len(TAGS) ** 2)
    for words, endings, lengths, tags in batches:
        found = model(words.to(device), endings.to(device), lengths).argmax(-1).cpu()
        known = tags >= 0
        counts += torch.bincount(tags[known] * len(TAGS) + found[known], minlength=len(TAGS) ** 2)
    return counts.reshape(len(TAGS), len(TAGS))


def table_of_words(lines: list[Sentence], test: list[Sentence]) -> float:
    """The accuracy of always taking the tag that a word has most often; what the network has to beat."""
    counts: dict[str, Counter[int]] = {}
    for words, tags in lines:
        for word, tag in zip(words, tags, strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    usual = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    other = Counter(tag for _, tags in lines for tag in tags).most_common(1)[0][0]
    pairs = [(usual.get(word, other), tag) for words, tags in test for word, tag in zip(words, tags, strict=True)]
    return sum(guess == tag for guess, tag in pairs) / len(pairs)


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "lstm_tagger", arguments, epochs=4, lr=3e-3, batch_size=64)
    train, test = load(options.quick)
    if options.quick:
        options.epochs, options.batch_size = min(options.epochs, 2), 32
        train, test = train[:2500], test[:500]
    encoder = Encoder(train)
    print(f"{len(train)} lines to learn from, {len(test)} of other files to test on; {len(encoder.words)} words")
    baseline = table_of_words(train, test)
    print(f"with a table of words, {baseline:.2%} of the tags are right")

    model = LSTMTagger(len(encoder.words), len(encoder.endings), len(TAGS)).to(options.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    loss_function = nn.CrossEntropyLoss(ignore_index=-100)  # where lines were filled up to equal lengths
    batches = DataLoader(train, options.batch_size, shuffle=True, collate_fn=encoder.batch)
    test_batches = DataLoader(test, 256, collate_fn=encoder.batch)
    for epoch in range(1, options.epochs + 1):
        model.train()
        total = torch.zeros((), device=options.device)
        for words, endings, lengths, tags in progress(batches, f"epoch {epoch}", options):
            scores = model(words.to(options.device), endings.to(options.device), lengths)
            loss = loss_function(scores.flatten(0, 1), tags.to(options.device).flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        counts = evaluate(model, test_batches, options.device)
        accuracy = (counts.diagonal().sum() / counts.sum()).item()
        print(f"epoch {epoch}  loss {total.item() / len(batches):.4f}  tags right {accuracy:.2%}", flush=True)

    example = ["self", "items", "sorted", "names", "key", "len"]
    words, endings, lengths, _ = encoder.batch([(example, [0] * len(example))])
    with torch.no_grad():
        found = model(words.to(options.device), endings.to(options.device), lengths).argmax(-1)[0].tolist()
    print(" ".join(f"{word}/{TAGS[tag]}" for word, tag in zip(example, found, strict=True)))
    draw(counts, options)
    return {"accuracy": accuracy, "baseline": baseline}


def draw(counts: torch.Tensor, options) -> None:
    plt = pyplot()
    if plt is None:
        return
    shares = (counts / counts.sum(1, keepdim=True).clamp(min=1)).numpy()
    figure, axes = plt.subplots(figsize=(6.5, 6), layout="constrained")
    axes.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            if share > 0.005:
                axes.text(j, i, f"{share:.0%}", ha="center", va="center", fontsize=8, color="w" if share > 0.4 else "k")
    axes.set_xticks(range(len(TAGS)), TAGS, rotation=60, ha="right")
    axes.set_yticks(range(len(TAGS)), [f"{tag} ({int(n)})" for tag, n in zip(TAGS, counts.sum(1), strict=True)])
    axes.set(xlabel="tagged as", ylabel="what it is (how often)", title="Words of files that were not learnt from")
    save_picture(figure, options.out / "tags.png")


if __name__ == "__main__":
    main()
