"""`{% trans %}` in templates that speak one language: its text is looked up when the template is compiled."""

import re

from jinja2 import nodes
from jinja2.ext import InternationalizationExtension

from moderation_service import locales

_VARIABLE = re.compile(r"%\((\w+)\)s")


class CompiledTexts(InternationalizationExtension):
    """Jinja's own extension, but a text without a plural is constant, with variables between its parts.

    The environment says by its global `language` which language it speaks.
    """

    def _make_node(
        self,
        singular: str,
        plural: str | None,
        context: str | None,
        variables: dict[str, nodes.Expr],
        plural_expr: nodes.Expr | None,
        vars_referenced: bool,  # noqa: FBT001 - Jinja's own
        num_called_num: bool,  # noqa: FBT001 - Jinja's own
    ) -> nodes.Output:
        if plural is not None or context is not None:
            return super()._make_node(
                singular, plural, context, variables, plural_expr, vars_referenced, num_called_num
            )
        language = str(self.environment.globals["language"])
        pieces = _VARIABLE.split(locales.translations(language).gettext(singular))
        shown: list[nodes.Expr] = []
        for text, name in zip(pieces[::2], [*pieces[1::2], None], strict=True):
            shown.append(nodes.TemplateData(text.replace("%%", "%")))
            if name is not None:
                shown.append(variables[name])
        return nodes.Output(shown)
