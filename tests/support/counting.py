"""What a service has counted, read without HTTP."""

from moderation_service.metrics import Metrics


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    """The sample of that name with exactly these labels; 0 where there is none yet."""
    return metrics.registry.get_sample_value(name, labels) or 0.0
