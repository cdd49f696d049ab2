"""What is drawn for people, on pages and in messages: the course of what an incident is about."""

from agent.charts.chart import Band, Chart, Line, Mark
from agent.charts.quantity import format_quantity
from agent.charts.sources import IncidentCharts

__all__ = ["Band", "Chart", "IncidentCharts", "Line", "Mark", "format_quantity"]
