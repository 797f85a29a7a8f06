"""The parts of `edit --bench`, known without torch: each method fact by fact and in a row, and the layers."""

METHODS = ("rome", "fine-tuning", "norm-constrained", "apollo")
LAYERS = "layers"
IN_A_ROW = "-in-a-row"  # ends the name of a method's second part
PARTS = (*METHODS, LAYERS, *(method + IN_A_ROW for method in METHODS))
