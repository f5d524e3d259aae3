"""Deleted rows (spec 5.6)."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field

from workflows.collections import ModelType
from workflows.instructions.base import Outcome
from workflows.instructions.data import DataConfig, DataInstruction, FilterParams, check_filter, matching
from workflows.shapes import Shape


class DestroyConfig(DataConfig):
    params: FilterParams = Field(default_factory=FilterParams)


class Destroy(DataInstruction[DestroyConfig]):
    type = "destroy"
    title = _("Delete rows")
    description = _("Deletes the rows that meet a filter, without setting workflows off. The result is their number.")
    Config = DestroyConfig

    def written_models(self, config: DestroyConfig) -> list[tuple[str, str]]:
        return [(config.collection, "delete")]

    def check_params(self, config: DestroyConfig, model: ModelType) -> None:
        check_filter(model, config.params.filter, required=True)

    def result_shape(self, config: DestroyConfig) -> Shape:
        return Shape("number")

    def act(self, config: DestroyConfig, params: dict[str, Any]) -> Outcome:
        _total, by_model = matching(config, params["filter"], required=True).delete()
        return Outcome(result=by_model.get(config.model._meta.label, 0))
