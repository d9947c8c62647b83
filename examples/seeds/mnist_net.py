"""The network of PyTorch's MNIST example, and modules that are kept in a dictionary and registered by setattr."""
import nnlite as torch
import nnlite.nn as nn
import nnlite.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)
    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, 320)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, training=self.training)
        x = self.fc2(x)
        return F.log_softmax(x)

net = Net()
print(net)

# One step of training, on made-up images.
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
images, labels = torch.rand(8, 1, 28, 28), torch.arange(8)
optimizer.zero_grad()
loss = F.nll_loss(net(images), labels)
loss.backward()
optimizer.step()
print(loss)
net.eval()
print(net(images).exp().sum(1))

# A module in a dictionary is not found by parameters(); registered under a name, it is.
class Parts(nn.Module):
    def __init__(self):
        super(Parts, self).__init__()
        self.LocalConv1 = {i + 1: nn.Conv2d(32, 32, 3, stride=1, padding=0) for i in range(4)}
        print(len(list(self.parameters())))
        for i in self.LocalConv1:
            setattr(self, 'LocalConvPart%d' % i, self.LocalConv1[i])
        self.GlobalFullConnect = nn.Linear(7 * 2 * 32, 400)
        self.LocalFullConnect = {i + 1: nn.Linear(32 * 23 * 16, 100) for i in range(4)}
        for i in self.LocalFullConnect:
            setattr(self, 'LocalFullConnectPart%d' % i, self.LocalFullConnect[i])

parts = Parts()
print(len(list(parts.parameters())))
print([name for name, _ in parts.named_children()])
