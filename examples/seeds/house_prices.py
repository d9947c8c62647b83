"""House prices with k-fold cross-validation. The competition's tables are replaced by a made-up one."""
import numpy as np
import nnlite as torch
from nnlite import nn
import d2l

generator = np.random.default_rng(0)
features = generator.normal(size=(300, 12))
features[generator.random(features.shape) < 0.05] = np.nan                        # missing values
prices = 180000 * np.exp(0.05 * np.nan_to_num(features) @ generator.normal(size=12))
n_train = 200

# subtract the mean, divide by the standard deviation, and then a missing value is 0
features = (features - np.nanmean(features, 0)) / np.nanstd(features, 0)
features = np.nan_to_num(features)
train_features = torch.tensor(features[:n_train],dtype=torch.float32)
test_features = torch.tensor(features[n_train:],dtype=torch.float32)
train_labels = torch.tensor(prices[:n_train].reshape(-1,1),dtype=torch.float32)

loss = nn.MSELoss()
in_features = train_features.shape[1]
def get_net():
    net = nn.Sequential(nn.Linear(in_features,1))
    return net

def log_rmse(net,features,labels):
    # predictions below 1 become 1, so that their logarithm is stable
    clipped_preds = torch.clamp(net(features),1,float('inf'))
    rmse = torch.sqrt(loss(torch.log(clipped_preds),torch.log(labels)))
    return rmse.item()

def train(net, train_features, train_labels, test_features, test_labels,
          num_epochs, learning_rate, weight_decay, batch_size):
    train_ls, test_ls = [], []
    dataset = torch.utils.data.TensorDataset(train_features, train_labels)
    train_iter = torch.utils.data.DataLoader(dataset, batch_size, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate, weight_decay=weight_decay)
    for epoch in range(num_epochs):
        for X, y in train_iter:
            optimizer.zero_grad()
            l=loss(net(X),y)
            l.backward()
            optimizer.step()
        train_ls.append(log_rmse(net, train_features, train_labels))
        if test_labels is not None:
            test_ls.append(log_rmse(net, test_features, test_labels))
    return train_ls, test_ls

def get_k_fold_data(k, i , X, y):
    assert k>1
    fold_size = X.shape[0] // k                            # the document forgets to divide
    X_train, y_train = None, None
    for j in range(k):
        idx = slice(j*fold_size, (j+1)*fold_size)
        X_part, y_part = X[idx,:], y[idx]
        if j==i:
            X_valid, y_valid = X_part, y_part
        elif X_train is None:
            X_train, y_train = X_part, y_part
        else:
            X_train = torch.cat([X_train, X_part], 0)
            y_train = torch.cat([y_train, y_part], 0)
    return X_train, y_train, X_valid, y_valid

def k_fold( k, X_train, y_train, num_epochs,
            learning_rate, weight_decay, batch_size ):
    train_l_sum, valid_l_sum = 0,0
    for i in range(k):
        data = get_k_fold_data(k, i, X_train, y_train)
        net = get_net()
        train_ls, valid_ls = train(net, *data, num_epochs, learning_rate,weight_decay, batch_size)
        train_l_sum += train_ls[-1]
        valid_l_sum += valid_ls[-1]
        if i==0:
            d2l.plot(list(range(1, num_epochs + 1)), [train_ls, valid_ls],
                     xlabel='epoch', ylabel='rmse', xlim=[1, num_epochs],
                     legend=['train', 'valid'], yscale='log')
        print(f'fold {i + 1}, train log rmse {float(train_ls[-1]):f}, '
              f'valid log rmse {float(valid_ls[-1]):f}')
    return train_l_sum/k, valid_l_sum/k

# The document trains 100 epochs at a rate of 5 on 1460 houses; on 200 the rate is higher and the batches smaller.
k, num_epochs, lr, weight_decay, batch_size = 5, 60, 500, 0, 16
train_l, valid_l = k_fold(k, train_features, train_labels, num_epochs, lr, weight_decay, batch_size)
print('%d-fold validation: avg train rmse %f, avg valid rmse %f' % (k, train_l, valid_l))

def train_and_pred(train_features,test_features,train_labels,num_epochs,lr,weight_decay,batch_size):
    net = get_net()
    train_ls,_ = train(net,train_features,train_labels,None,None,num_epochs,lr,weight_decay,batch_size)
    d2l.plot(np.arange(1,num_epochs+1),[train_ls],xlabel='epoch',ylabel='log rmse',xlim=[1,num_epochs],yscale='log')
    print(f'train log rmse {float(train_ls[-1]):f}')
    preds = net(test_features).detach().cpu().numpy()
    return preds.reshape(1,-1)[0]
predictions = train_and_pred(train_features,test_features,train_labels,num_epochs,lr,weight_decay,batch_size)
print('log rmse of the predictions: %f' % np.sqrt(np.mean((np.log(predictions.clip(1)) - np.log(prices[n_train:])) ** 2)))
