"""The parts of `edit --bench`, known without torch: each method fact by fact and in a row, and the layers."""

UNTOUCHED = "untouched"  # the model without any edit, scored as if it had one: what every method is compared with
METHODS = ("rome", "fine-tuning", "norm-constrained", "apollo")
LAYERS = "layers"
IN_A_ROW = "-in-a-row"  # ends the name of a method's second part
PARTS = (UNTOUCHED, *METHODS, LAYERS, *(method + IN_A_ROW for method in METHODS))
