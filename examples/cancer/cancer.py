"""Train a classifier on the Wisconsin breast cancer data, as a vcat job.

The data ships inside scikit-learn. Run it twice: the second time every stage comes from the cache.
"""

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay, accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from vcat import *


@stage(outputs=2)
def load():
    """The measurements of 569 tumours, and whether each was benign."""
    return load_breast_cancer(return_X_y=True)


@stage(outputs=4)
def split(features, labels, share):
    """Features and labels to learn from, and to be judged by."""
    train, test, train_labels, test_labels = train_test_split(
        features, labels, test_size=share, random_state=0, stratify=labels
    )
    return train, train_labels, test, test_labels


@stage(outputs=2)
def scale(train, test):
    """Both, with what the first teaches about mean and spread."""
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


@stage
def fit(features, labels, C):
    """A logistic regression; C is how little it is held back."""
    log_param("solver", "lbfgs")
    return LogisticRegression(C=C, max_iter=1000).fit(features, labels)


@stage
def score(model, features, labels):
    """The share of tumours judged right."""
    accuracy = accuracy_score(labels, model.predict(features))
    log_metric("accuracy", accuracy)
    log_metric("roc_auc", roc_auc_score(labels, model.decision_function(features)))
    figure = Figure()
    RocCurveDisplay.from_estimator(model, features, labels, ax=figure.subplots())
    figure.savefig("roc.png")
    log_artifact("roc.png")
    set_tag("data", "wisconsin")
    return float(accuracy)


features, labels = load()
train, train_labels, test, test_labels = split(features, labels, share=0.25)
train, test = scale(train, test)
model = fit(train, train_labels, C=Hyperparameter("C", default=1.0))
pipe = score(model, test, test_labels)

if __name__ == "__main__":
    deployment = pipe.run(C=0.5)
    print(f"job {deployment.job_name}")
    print(f"accuracy {deployment.fetch_job_results():.3f}")
