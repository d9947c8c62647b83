"""The part-of-speech tagger of the document, trained on a few sentences."""

import nnlite as torch
import nnlite.nn.functional as F


class LSTMTagger(torch.nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super(LSTMTagger, self).__init__()
        self.hidden_dim = hidden_dim

        self.word_embeddings = torch.nn.Embedding(vocab_size, embedding_dim)

        # The LSTM takes word embeddings as inputs, and outputs hidden states
        # with dimensionality hidden_dim.
        self.lstm = torch.nn.LSTM(embedding_dim, hidden_dim)

        # The linear layer that maps from hidden state space to tag space
        self.hidden2tag = torch.nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        tag_scores = F.log_softmax(tag_space, dim=1)
        return tag_scores


TAGS = ["determiner", "noun", "verb", "adjective"]
SENTENCES = [
    ("the cat sees a small dog", "0 1 2 0 3 1"),
    ("a dog chases the old cat", "0 1 2 0 3 1"),
    ("the small bird sings", "0 3 1 2"),
    ("an old man reads a book", "0 3 1 2 0 1"),
]
words = sorted({word for sentence, _ in SENTENCES for word in sentence.split()})
number = {word: i for i, word in enumerate(words)}


def encode(sentence):
    return torch.tensor([number[word] for word in sentence.split()])


_ = torch.manual_seed(1)
model = LSTMTagger(embedding_dim=8, hidden_dim=8, vocab_size=len(words), tagset_size=len(TAGS))
print(model)
loss_function = torch.nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)

for epoch in range(60):
    total = 0.0
    for sentence, tags in SENTENCES:
        model.zero_grad()
        scores = model(encode(sentence))
        loss = loss_function(scores, torch.tensor([int(tag) for tag in tags.split()]))
        loss.backward()
        optimizer.step()
        total += loss.item()
print(f"loss in the last epoch: {total / len(SENTENCES):.3f}")

with torch.no_grad():
    for sentence in ("the cat sees a small dog", "an old bird chases the man"):
        tags = model(encode(sentence)).argmax(1).tolist()
        print(" ".join(f"{word}/{TAGS[tag]}" for word, tag in zip(sentence.split(), tags)))
