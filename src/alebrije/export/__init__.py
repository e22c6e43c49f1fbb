"""Trained networks as ONNX files, for programs that have no PyTorch: written only if they compute what the networks do.

    alebrije export runs/style-fast --onnx painter.onnx

model.py     what RUN names: a recipe, its settings, tensors and header
graphs.py    what is exported of a network: inputs, outputs, axes that may vary, the steps before and after
exporters.py `EXPORTERS`: how the graph of each recipe is built, family by family in the files beside it
parity.py    the file held against the network, on pictures of several sizes
run.py       the verb

To add a network: write a function `(Model, part) -> Graph`, and put it into `EXPORTERS`.
"""
