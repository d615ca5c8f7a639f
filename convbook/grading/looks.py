"""Rewrite a test so that it looks at the values it is about to compare.

This happens before the test is sent into the sandbox: there, a submission could change ``ast``.
"""

import ast

LOOK = "_look"  # the name in the rewritten test of what looks: it returns its argument, or raises


def looked(source: str) -> str:
    """The source of a test in which every value to compare goes through ``LOOK`` first."""
    return ast.unparse(ast.fix_missing_locations(Looks().visit(ast.parse(source))))


class Looks(ast.NodeTransformer):
    """Wraps the operands of comparisons and arithmetic, and the arguments of calls."""

    def look(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Constant | ast.Starred | ast.GeneratorExp | ast.Lambda):
            return node
        return ast.Call(ast.Name(LOOK, ast.Load()), [node], [])

    def visit_Compare(self, node):
        self.generic_visit(node)
        node.left = self.look(node.left)
        node.comparators = [self.look(part) for part in node.comparators]
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        node.left, node.right = self.look(node.left), self.look(node.right)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "super"):
            node.args = [self.look(part) for part in node.args]
            for keyword in node.keywords:
                keyword.value = self.look(keyword.value)
        return node

    def visit_Assert(self, node):
        self.generic_visit(node)
        node.test = self.look(node.test)
        return node
