"""Data: the bundled MNIST, data sets of one's own, and stratified choices among their examples."""

from nnscratch.data.dataset import Dataset, stratified_split, stratified_subset
from nnscratch.data.formats.idx import read_idx
from nnscratch.data.mnist import load_mnist
from nnscratch.data.source import load_dataset

__all__ = ["Dataset", "load_dataset", "load_mnist", "read_idx", "stratified_split", "stratified_subset"]
